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
    the same text, voice and seed give the same samples in another process.
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
    """Speed at which an engine has to speak so that, played `pitch` times faster, the voice has its rate."""
    return voice.rate / voice.pitch


def shift_pitch(samples: npt.NDArray[np.float32], rate: int, voice: Voice) -> Waveform:
    """Raise pitch and formants by playing the samples `voice.pitch` times faster: only the nominal rate changes."""
    return Waveform(samples, round(rate * voice.pitch))
