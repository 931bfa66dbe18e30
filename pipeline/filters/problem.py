"""What a filter hands back when it will not pass something on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text, picture or sound is not kept.

    `reason` is a code of `schemas.quarantine.REASONS`, `detail` tells a person what exactly was wrong, with the value and the
    limit it broke; `evidence` is the offending text or bytes, cut by whoever stores it.
    """

    reason: str
    detail: str
    evidence: bytes = b""
