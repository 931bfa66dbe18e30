"""The random numbers of an utterance's decoding, the same for a frame however many frames are drawn at once."""

import torch
from torch import Tensor

_SEED = 42


class UtteranceNoise:
    """Three generators that every utterance makes anew; torch's global one is neither read nor reseeded.

    Numbers are drawn frame by frame, so an utterance decoded whole and one decoded in pieces begin with equal noise. (torch
    draws normal numbers in groups of 16: a frame's are a multiple of that.)
    """

    def __init__(self, mels: int) -> None:
        self._mels = mels
        self._start, self._phase, self._hiss = (torch.Generator().manual_seed(_SEED + part) for part in range(3))

    def mel(self, frames: int) -> Tensor:
        """Draw the flow's start for the next frames, [1, mels, frames]."""
        return torch.randn(frames, self._mels, generator=self._start).T[None]

    def phase(self, harmonics: int) -> Tensor:
        """Draw the initial phases of the source's harmonics in -pi..pi, [1, harmonics, 1]."""
        return (torch.rand(1, harmonics, 1, generator=self._phase) * 2 - 1) * torch.pi

    def hiss(self, frames: int, harmonics: int, samples_per_frame: int) -> Tensor:
        """Draw the source's noise for the next frames, [1, harmonics, frames * samples_per_frame]."""
        drawn = torch.randn(frames, harmonics, samples_per_frame, generator=self._hiss)
        return drawn.transpose(0, 1).flatten(1)[None]
