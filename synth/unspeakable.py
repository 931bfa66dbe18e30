"""The reason why a text is not read aloud."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unspeakable:
    """`reason` is a code of `schemas.quarantine.REASONS`; `detail` tells a person what stood in the way."""

    reason: str
    detail: str
