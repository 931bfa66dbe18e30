"""What every text-to-speech engine offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from omniforge.synth.voices import Voice


@dataclass(frozen=True, slots=True)
class Waveform:
    """Mono sound: `samples` (N,) float32 in [-1, 1] at `rate` Hz, which need not be a usual rate."""

    samples: npt.NDArray[np.float32]
    rate: int

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.samples.size / self.rate


class SpeechError(RuntimeError):
    """An engine did not speak a text. `retryable` says whether another try may succeed (a server that was busy)."""

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class Engine(Protocol):
    """Text, a voice and a seed in, a waveform out.

    `fingerprint` names the package, its version and the options: equal fingerprints speak alike. `deterministic` says whether
    the same text, voice and seed give the same samples in another process; where they do not, no cache keeps what was said.
    """

    fingerprint: str
    deterministic: bool

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Say a text; text without anything to say gives an empty waveform.

        Raises:
            SpeechError: the engine could not.
            ValueError: the engine does not know the voice.
        """
        ...


@runtime_checkable
class BatchEngine(Engine, Protocol):
    """An engine that says several texts at once faster than one by one; whoever calls it gives texts of like length together.

    What becomes of a text may depend on the batch no more than the engine's own documentation says.
    """

    def speak_batch(self, texts: Sequence[str], voices: Sequence[Voice], seeds: Sequence[int]) -> list[Waveform | SpeechError]:
        """Say each text with the voice and the seed in its place; the error of one text takes nothing from the others.

        Raises:
            ValueError: the engine does not know one of the voices.
        """
        ...


def native_speed(voice: Voice) -> float:
    """Speed at which an engine has to speak so that, played `formants` times faster, the voice has its rate."""
    return voice.rate / voice.formants


LOUDEST = 0.95
"""Peak that derived speech is turned down to where it would be louder."""


def shift_formants(samples: npt.NDArray[np.float32], rate: int, voice: Voice) -> Waveform:
    """Raise pitch and formants by playing the samples `voice.formants` times faster (only the nominal rate changes).

    The gain of the voice is applied, and what would then be louder than `LOUDEST` is turned down.
    """
    level = 10 ** (voice.gain_db / 20)
    peak = float(np.abs(samples).max(initial=0.0)) * level
    scaled = samples * np.float32(level * min(1.0, LOUDEST / peak) if peak else level)
    return Waveform(scaled, round(rate * voice.formants))


def check_voice(voice: Voice, engine: str, *, separate: bool = False, clones: bool = False) -> None:
    """Refuse a voice that asks for what an engine cannot do, instead of passing over it.

    Args:
        voice: Who is to speak.
        engine: What to call the engine in the message.
        separate: The engine moves pitch without formants and has a tilt, instead of only playing its sound faster or slower.
        clones: The engine takes a reference clip.

    Raises:
        ValueError: pitch and formants differ or there is a tilt, or there is a clip, where the engine has no use for it.
    """
    if not separate and (voice.pitch != voice.formants or voice.tilt_db):
        raise ValueError(
            f"voice {voice.name!r}: {engine} moves pitch and formants together and has no tilt; give pitch ({voice.pitch}) and "
            f"formants ({voice.formants}) the same number and leave tilt_db ({voice.tilt_db}) out."
        )
    if not clones and voice.reference is not None:
        raise ValueError(f"voice {voice.name!r}: {engine} does not clone; leave its reference ({voice.reference!r}) out.")
