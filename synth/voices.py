"""Who speaks: a table of voices, and the drawing of one for a record."""

import hashlib
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One speaker of one engine, or one derived from it by numbers: such a voice costs nothing to store.

    `speaker` is the name the engine knows. `pitch` multiplies the fundamental frequency, `formants` the resonances (a shorter
    vocal tract: above 1), `rate` the speed of speech; `gain_db` is added to the level. `accent` is for people to read.
    `reference` is the path of a clip, and `reference_text` what is said in it, for engines that clone. `share` is the weight
    in the drawing: a voice of share 2 gets twice the records of one of share 1. `held_out` voices speak only records of the
    test split.

    Raises:
        ValueError: a factor or the share is not a positive number, the gain not a number, or a name is empty.
    """

    name: str
    engine: str
    speaker: str
    pitch: float = 1.0
    formants: float = 1.0
    rate: float = 1.0
    gain_db: float = 0.0
    accent: str = ""
    reference: str | None = None
    reference_text: str | None = None
    share: float = 1.0
    held_out: bool = False

    def __post_init__(self) -> None:
        for part in ("name", "engine", "speaker"):
            if not getattr(self, part).strip():
                raise ValueError(f"voice {self.name!r}: its {part} is empty; a voice needs a name, an engine and a speaker.")
        for part in ("pitch", "formants", "rate", "share"):
            if not (math.isfinite(getattr(self, part)) and getattr(self, part) > 0):
                raise ValueError(
                    f"voice {self.name!r}: {part} is {getattr(self, part)}; give a positive number, 1 for no change."
                )
        if not math.isfinite(self.gain_db):
            raise ValueError(f"voice {self.name!r}: gain_db is {self.gain_db}; give decibels, 0 for no change.")


PITCHES = (0.78, 0.83, 0.88, 0.93, 0.98, 1.03, 1.09, 1.15, 1.2, 1.25)
RATES = (0.88, 0.97, 1.06, 1.15)

FASTEST_NATIVE_SPEED = 1.31
"""Derived voices that would need an engine to speak faster are left out: hibari then swallows sounds (WER 2 % -> 20 %)."""


def derive_voices(
    engine: str, speaker: str, pitches: Sequence[float] = PITCHES, rates: Sequence[float] = RATES
) -> tuple[Voice, ...]:
    """Make a grid of voices from one speaker: every pitch factor with every rate, if the engine keeps up.

    >>> derive_voices("hibari", "heart", (0.8,), (1.0,))[0].name
    'heart-p080-r100'
    """
    return tuple(
        Voice(
            name=f"{speaker}-p{round(pitch * 100):03d}-r{round(rate * 100):03d}",
            engine=engine,
            speaker=speaker,
            pitch=pitch,
            formants=pitch,
            rate=rate,
        )
        for pitch in pitches
        for rate in rates
        if rate / pitch <= FASTEST_NATIVE_SPEED
    )


EMBEDDED_VOICES: tuple[Voice, ...] = derive_voices("hibari", "heart")
"""The voices that need no download; docs/sdvi.md has how well each is understood."""


def rank_voices(key: str, table: Sequence[Voice]) -> tuple[Voice, ...]:
    """Order the voices of a table for a key, the one that belongs to it first.

    Weighted rendezvous hashing: every voice gets a score of its own from the key and its share, so a voice added to the table
    moves only the records it wins and a voice removed moves only those it had. No generator's state is involved, nor the
    order of the table.
    """
    return tuple(sorted(table, key=lambda voice: (_score(key, voice), voice.name)))


def _score(key: str, voice: Voice) -> float:
    """An exponentially distributed number of mean 1 / share: the least of several is each one's in proportion to its share."""
    digest = hashlib.sha256(f"{key}\n{voice.name}".encode()).digest()
    uniform = (int.from_bytes(digest[:8]) >> 11) / 2**53
    return -math.log1p(-uniform) / voice.share


def draw_voice(key: str, table: Sequence[Voice], exclude: Collection[str] = ()) -> Voice:
    """Draw the voice that belongs to a key, among those of the table whose name is not excluded.

    Raises:
        ValueError: no voice is left.
    """
    for voice in rank_voices(key, table):
        if voice.name not in exclude:
            return voice
    raise ValueError(f"no voice is left for {key!r}: the table has {len(table)} and {len(set(exclude))} are excluded.")
