"""How a reader says no to one record without stopping at it."""

from collections.abc import Callable

from omniforge.pipeline.sources.source import SourceItem
from omniforge.schemas.record import EVIDENCE_BYTES, Refusal, SourceRecord


class Refused(Exception):
    """A rule of the format is broken; `reason` is a code of `schemas.quarantine.REASONS`."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(reason, detail)
        self.reason = reason
        self.detail = detail


def refusal(source_uri: str, refused: Refused, evidence: bytes = b"") -> Refusal:
    """Make the quarantine's item of a broken rule."""
    return Refusal(source_uri=source_uri, reason=refused.reason, detail=refused.detail, evidence=evidence[:EVIDENCE_BYTES])


def item(source_uri: str, make: Callable[[], SourceRecord], evidence: bytes = b"") -> SourceItem:
    """Read one record: what `make` returns, or the refusal in its place.

    An exception that no rule foresaw counts as `failed`, and is worth another try if the file system raised it, so that one bad
    record never ends the reading of a container.
    """
    try:
        return make()
    except Refused as refused:
        return refusal(source_uri, refused, evidence)
    except Exception as error:
        return Refusal(
            source_uri=source_uri,
            reason="exception",
            detail=f"{type(error).__name__}: {error}",
            outcome="failed",
            retryable=isinstance(error, OSError),
            evidence=evidence[:EVIDENCE_BYTES],
        )
