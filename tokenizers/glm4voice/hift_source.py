"""The pitch predictor and the harmonic-plus-noise source of the HiFT vocoder (SPEC.md section 8)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniforge.tokenizers.glm4voice.config import HiftConfig
from omniforge.tokenizers.glm4voice.hift_layers import WeightNormConv1d

_CONVOLUTIONS = 5
F0_REACH = _CONVOLUTIONS
"""Mel frames on either side that a frame's pitch depends on: each convolution is 3 wide."""


class F0Predictor(nn.Module):
    """Fundamental frequency from a mel spectrogram by five convolutions."""

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index in range(_CONVOLUTIONS):
            layers += [WeightNormConv1d(in_channels if index == 0 else channels, channels, 3), nn.ELU()]
        self.condnet = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, 1)

    def forward(self, mel: Tensor) -> Tensor:
        """Predict hertz, [batch, frames], from a mel spectrogram, [batch, mels, frames]."""
        hertz: Tensor = self.classifier(self.condnet(mel).transpose(1, 2)).squeeze(-1)
        return hertz.abs()


class HarmonicSource(nn.Module):
    """The excitation: sines at the harmonics of f0 where it is voiced, noise elsewhere, mixed by one linear layer."""

    def __init__(self, config: HiftConfig) -> None:
        super().__init__()
        self.config = config
        self.l_linear = nn.Linear(config.nb_harmonics + 1, 1)

    def forward(self, f0: Tensor, phase: Tensor, noise: Tensor, turned: Tensor | None = None) -> Tensor:
        """Make the source from f0 by sample.

        Args:
            f0: Hertz for every sample, [batch, samples].
            phase: Initial phase of each harmonic, [batch, harmonics + 1, 1]; that of the fundamental is taken as 0.
            noise: Standard normal numbers (or zeros), [batch, harmonics + 1, samples].
            turned: Cycles of the fundamental before the first sample, [batch, 1, 1]; None at the start of an utterance.

        Returns:
            The source, [batch, 1, samples], within -1..1.
        """
        config = self.config
        multiples = torch.arange(1, config.nb_harmonics + 2, dtype=f0.dtype, device=f0.device)
        # The division comes before the sum, as in the reference: its rounding is part of the published waveform.
        cycles = torch.cumsum(f0[:, None] * multiples[None, :, None] / config.sampling_rate, dim=-1)
        if turned is not None:
            cycles = cycles + turned * multiples[None, :, None]
        phase = torch.cat([torch.zeros_like(phase[:, :1]), phase[:, 1:]], dim=1)
        sines = config.nsf_alpha * torch.sin(2 * math.pi * (cycles % 1) + phase)
        voiced = (f0 > config.nsf_voiced_threshold).to(f0.dtype)[:, None]
        amplitude = voiced * config.nsf_sigma + (1 - voiced) * config.nsf_alpha / 3
        excitation = sines * voiced + amplitude * noise
        return torch.tanh(self.l_linear(excitation.transpose(1, 2))).transpose(1, 2)


def upsample_f0(f0: Tensor, samples_per_frame: int) -> Tensor:
    """Repeat hertz by frame, [batch, frames], for every sample, [batch, frames * samples_per_frame]."""
    return functional.interpolate(f0[:, None], scale_factor=float(samples_per_frame), mode="nearest")[:, 0]
