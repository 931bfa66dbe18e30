"""Who speaks: a table of voices, and the drawing of one for a record."""

import hashlib
import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from omniforge.synth.roles import Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One speaker of one engine, or one derived from it by numbers: such a voice costs nothing to store.

    `speaker` is the name the engine knows. `pitch` multiplies the fundamental frequency, `formants` the resonances (a shorter
    vocal tract: above 1), `rate` the speed of speech; `tilt_db` is added to the spectrum for each octave above 500 Hz (above 0:
    brighter), `gain_db` to the level. `accent` is for people to read.
    `reference` is the path of a clip, and `reference_text` what is said in it, for engines that clone. `share` is the weight
    in the drawing: a voice of share 2 gets twice the records of one of share 1. `held_out` voices speak only records of the
    test split. A voice with `tasks` speaks for these alone, and voices without leave them to it.

    Raises:
        ValueError: a factor or the share is not a positive number, tilt or gain not a number, or a name is empty.
    """

    name: str
    engine: str
    speaker: str
    pitch: float = 1.0
    formants: float = 1.0
    rate: float = 1.0
    tilt_db: float = 0.0
    gain_db: float = 0.0
    accent: str = ""
    reference: str | None = None
    reference_text: str | None = None
    share: float = 1.0
    held_out: bool = False
    tasks: tuple[Task, ...] = ()

    def __post_init__(self) -> None:
        for part in ("name", "engine") if self.reference else ("name", "engine", "speaker"):
            if not getattr(self, part).strip():
                raise ValueError(
                    f"voice {self.name!r}: its {part} is empty; give a name, an engine, and a speaker or reference."
                )
        for part in ("pitch", "formants", "rate", "share"):
            if not (math.isfinite(getattr(self, part)) and getattr(self, part) > 0):
                raise ValueError(
                    f"voice {self.name!r}: {part} is {getattr(self, part)}; give a positive number, 1 for no change."
                )
        for part in ("tilt_db", "gain_db"):
            if not math.isfinite(getattr(self, part)):
                raise ValueError(f"voice {self.name!r}: {part} is {getattr(self, part)}; give decibels, 0 for no change.")


FASTEST_NATIVE_SPEED = 1.31
"""Derived voices need an engine to speak at most this fast: above, hibari swallows sounds (WER 2 % -> 20 %)."""


def derive_voice(engine: str, speaker: str, pitch: float, formants: float, tilt_db: float, rate: float) -> Voice:
    """Make a voice from a speaker by numbers, and name it after them.

    >>> derive_voice("hibari", "heart", 0.8, 0.92, -4, 1.06).name
    'heart-p080-f092-t-4-r106'
    """
    name = f"{speaker}-p{round(pitch * 100):03d}-f{round(formants * 100):03d}-t{round(tilt_db):+d}-r{round(rate * 100):03d}"
    return Voice(
        name=name, engine=engine, speaker=speaker, pitch=pitch, formants=formants, tilt_db=tilt_db, rate=rate, accent="en-US"
    )


def _hash(first: str, second: str) -> int:
    """64 bits."""
    return int.from_bytes(hashlib.sha256(f"{first}\n{second}".encode()).digest()[:8])


def derive_voices(numbers: Iterable[tuple[float, float, float, float]]) -> tuple[Voice, ...]:
    """Derive hibari's voices of these pitches, formants, tilts and rates; a hash of its name holds one in about fourteen out.

    So a voice that is added or taken away changes no other's mark.
    """
    voices = (derive_voice("hibari", "heart", *four) for four in numbers)
    return tuple(replace(voice, held_out=_hash("held out", voice.name) % 14 == 0) for voice in voices)


# Pitch, formants, tilt in dB an octave, rate. Chosen from a grid of 162 by farthest-point selection on speaker embeddings, so
# that the least like their neighbours were taken; benchmarks/voices.py measures them, docs/sdvi.md has the figures.
# fmt: off
_HEART = (
    (0.5, 0.8, -4, 1), (0.5, 0.8, 0, 1), (0.5, 0.8, 4, 0.94), (0.5, 0.86, -4, 1), (0.5, 0.86, 4, 0.94), (0.56, 0.8, -4, 0.94),
    (0.56, 0.8, 0, 1), (0.56, 0.86, 0, 1.06), (0.56, 0.86, 4, 1), (0.56, 0.92, -4, 1.06), (0.56, 0.92, 0, 1),
    (0.56, 0.92, 4, 0.94), (0.63, 0.8, -4, 1), (0.63, 0.8, 0, 1), (0.63, 0.8, 4, 0.94), (0.63, 0.92, 0, 0.94),
    (0.63, 0.98, 0, 1.06), (0.63, 0.98, 4, 1), (0.63, 1.05, -4, 1.06), (0.63, 1.05, 0, 1), (0.63, 1.05, 4, 0.94),
    (0.71, 0.8, -4, 1), (0.71, 0.8, 0, 1), (0.71, 0.8, 4, 0.94), (0.71, 0.86, 0, 1), (0.71, 0.86, 4, 0.94),
    (0.71, 0.92, -4, 1), (0.71, 0.92, 0, 0.94), (0.71, 0.92, 4, 1.06), (0.71, 0.98, 0, 0.94), (0.71, 0.98, 4, 1.06),
    (0.71, 1.05, -4, 1), (0.71, 1.22, -4, 0.94), (0.71, 1.22, 4, 1.06), (0.8, 0.8, -4, 0.94), (0.8, 0.8, 0, 1),
    (0.8, 0.8, 4, 1), (0.8, 0.86, -4, 0.94), (0.8, 0.86, 0, 1.06), (0.8, 0.86, 4, 1), (0.8, 0.92, -4, 0.94),
    (0.8, 0.92, 0, 1.06), (0.8, 0.92, 4, 1), (0.8, 0.98, 0, 1.06), (0.8, 0.98, 4, 1), (0.8, 1.05, 4, 0.94), (0.8, 1.13, 0, 1),
    (0.8, 1.22, 0, 1.06), (0.9, 0.8, -4, 1), (0.9, 0.8, 0, 1), (0.9, 0.8, 4, 0.94), (0.9, 0.86, -4, 1.06), (0.9, 0.86, 0, 1),
    (0.9, 0.86, 4, 0.94), (0.9, 0.92, -4, 1.06), (0.9, 0.92, 0, 1), (0.9, 0.92, 4, 0.94), (0.9, 0.98, -4, 1.06),
    (0.9, 0.98, 0, 1), (0.9, 0.98, 4, 0.94), (0.9, 1.05, 0, 0.94), (0.9, 1.22, -4, 1), (1, 0.8, 0, 1), (1, 0.86, -4, 1.06),
    (1, 0.86, 0, 1), (1, 0.86, 4, 0.94), (1, 0.92, -4, 1.06), (1, 0.92, 0, 1), (1, 0.92, 4, 0.94), (1, 0.98, -4, 1.06),
    (1, 0.98, 0, 1), (1, 0.98, 4, 0.94), (1, 1.05, -4, 1), (1, 1.05, 4, 0.94), (1, 1.13, -4, 0.94), (1, 1.13, 4, 1.06),
    (1, 1.22, -4, 1.06), (1, 1.22, 0, 1), (1.12, 0.8, -4, 1), (1.12, 0.8, 0, 1), (1.12, 0.8, 4, 0.94), (1.12, 0.86, -4, 1.06),
    (1.12, 0.86, 0, 1), (1.12, 0.86, 4, 0.94), (1.12, 0.92, -4, 1.06), (1.12, 0.92, 0, 1), (1.12, 0.92, 4, 0.94),
    (1.12, 0.98, -4, 1.06), (1.12, 0.98, 0, 1), (1.12, 0.98, 4, 0.94), (1.12, 1.05, -4, 1.06), (1.12, 1.05, 0, 1),
    (1.12, 1.05, 4, 0.94), (1.12, 1.13, 0, 0.94), (1.12, 1.22, -4, 0.94), (1.12, 1.22, 0, 1.06), (1.12, 1.22, 4, 1),
    (1.26, 0.92, 0, 1), (1.26, 1.05, 0, 1.06), (1.26, 1.13, -4, 1), (1.26, 1.13, 4, 0.94), (1.26, 1.22, -4, 1),
    (1.26, 1.22, 0, 0.94), (1.26, 1.22, 4, 1.06),
)
# fmt: on

EMBEDDED_VOICES: tuple[Voice, ...] = derive_voices(_HEART)
"""The voices that need nothing but the packages, seven of them held out.

docs/sdvi.md has how well they are understood and told apart.
"""

FLITE_VOICES: tuple[Voice, ...] = tuple(
    Voice(
        name=f"{speaker}-p{round(pitch * 100):03d}",
        engine="flite",
        speaker=speaker,
        pitch=pitch,
        formants=pitch,
        accent="en-scotland" if speaker == "awb" else "en-US",
        held_out=True,
    )
    for speaker, pitches in (
        ("awb", (0.88, 1.0, 1.12)),
        ("kal16", (1.0,)),
        ("rms", (0.88, 1.0, 1.12)),
        ("slt", (0.88, 1.0, 1.12)),
    )
    for pitch in pitches
)
"""Voices of a second engine, from the system's packages, held out: beside others they speak the test split alone.

Higher and lower, kal16 was not understood well enough (WER of 19 and 22 %).
"""

VOICE_TABLES = {"embedded": EMBEDDED_VOICES, "flite": FLITE_VOICES}
"""Tables that a configuration may name."""


def expand_tables(voices: Any) -> Any:
    """Put the voices of a table in the place of its name; anything that is no name is left as it is.

    Raises:
        ValueError: there is no such table.
    """
    if not isinstance(voices, list | tuple):
        return voices
    expanded: list[Any] = []
    for voice in voices:
        if not isinstance(voice, str):
            expanded.append(voice)
        elif voice in VOICE_TABLES:
            expanded += VOICE_TABLES[voice]
        else:
            raise ValueError(f"there is no table of voices {voice!r}; there are: {', '.join(VOICE_TABLES)}")
    return tuple(expanded)


def rank_voices(key: str, table: Sequence[Voice]) -> tuple[Voice, ...]:
    """Order the voices of a table for a key, the one that belongs to it first.

    Weighted rendezvous hashing: every voice gets a score of its own from the key and its share, so a voice added to the table
    moves only the records it wins and a voice removed moves only those it had. No generator's state is involved, nor the
    order of the table.
    """
    return tuple(sorted(table, key=lambda voice: (_score(key, voice), voice.name)))


def _score(key: str, voice: Voice) -> float:
    """An exponentially distributed number of mean 1 / share: the least of several is each one's in proportion to its share."""
    uniform = (_hash(key, voice.name) >> 11) / 2**53
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
