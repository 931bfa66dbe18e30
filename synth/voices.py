"""Who speaks: a table of voices, and the drawing of one for a record."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One speaker of one engine.

    `speaker` is the name the engine knows. `pitch` multiplies pitch and formants together, as a shorter or longer vocal tract
    does; `rate` multiplies the speed of speech. A derived voice costs nothing to store: it is a speaker with two numbers.
    """

    name: str
    engine: str
    speaker: str
    pitch: float = 1.0
    rate: float = 1.0


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

    Every voice gets a score of its own from the key, so a voice added to the table moves only the records it wins and a
    voice removed moves only those it had. No generator's state is involved, nor the order of the table.
    """
    return tuple(sorted(table, key=lambda voice: hashlib.sha256(f"{key}\n{voice.name}".encode()).digest()))


def draw_voice(key: str, table: Sequence[Voice], exclude: Collection[str] = ()) -> Voice:
    """Draw the voice that belongs to a key, among those of the table whose name is not excluded.

    Raises:
        ValueError: no voice is left.
    """
    for voice in rank_voices(key, table):
        if voice.name not in exclude:
            return voice
    raise ValueError(f"no voice is left for {key!r}: the table has {len(table)} and {len(set(exclude))} are excluded.")
