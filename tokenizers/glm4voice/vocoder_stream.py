"""The vocoder on a mel spectrogram that comes in pieces: sample for sample what it makes of the whole."""

import math

import torch
from torch import Tensor

from omniforge.tokenizers.glm4voice.config import HiftConfig
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.hift_source import F0_REACH
from omniforge.tokenizers.glm4voice.noise import UtteranceNoise

_KERNEL_REACH = 3
"""Of the first and the last convolution, which are 7 wide."""


def vocoder_reach(config: HiftConfig) -> int:
    """Mel frames on either side that a sample depends on, when the source is given; rounded up."""
    reach, rate = float(_KERNEL_REACH), 1.0
    shapes = zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True)
    widest = max(_block_reach(kernel, dilations) for kernel, dilations in shapes)
    levels = zip(
        config.upsample_rates,
        config.upsample_kernel_sizes,
        config.source_resblock_kernel_sizes,
        config.source_resblock_dilation_sizes,
        strict=True,
    )
    for up, kernel, source_kernel, source_dilations in levels:
        reach += kernel / up / rate
        rate *= up
        # Both paths into a level: the mel's from the level before, and the source's, whose spectrum is brought to its rate.
        reach = max(reach, (1 + _block_reach(source_kernel, source_dilations)) / rate) + widest / rate
    # The column that is reflected at the start, and the windows of both Fourier transforms.
    return math.ceil(reach + (1 + _KERNEL_REACH + 2 * config.istft_n_fft / config.istft_hop) / rate)


def _block_reach(kernel: int, dilations: tuple[int, ...]) -> int:
    return sum((kernel - 1) // 2 * (dilation + 1) for dilation in dilations)


class VocoderStream:
    """The vocoder's state in one utterance: the frames and the source that coming samples depend on, and the phase."""

    def __init__(self, hift: HiftGenerator, noise: UtteranceNoise) -> None:
        config = hift.config
        self._hift = hift
        self._noise = noise
        self._reach = vocoder_reach(config)
        device = hift.window.device
        self._phase = noise.phase(config.nb_harmonics + 1).to(device)
        self._mel = torch.zeros(1, config.in_channels, 0, device=device)
        self._source = torch.zeros(1, 1, 0, device=device)
        self._cycles = torch.zeros(1, 1, 1, dtype=torch.float64, device=device)
        self._given = 0

    def push(self, mel: Tensor, *, last: bool) -> Tensor:
        """Take the next frames, [1, mels, frames], and give the samples that are settled, [samples]; all when `last`."""
        frame = self._hift.config.samples_per_frame
        self._mel = torch.cat([self._mel, mel], dim=-1)
        sourced = self._mel.shape[-1] - (0 if last else F0_REACH)
        until = sourced - (0 if last else self._reach)
        self._extend_source(sourced)
        if until <= self._given:
            return mel.new_zeros(0)
        wave = self._hift.decode(self._mel[..., :sourced], self._source)
        samples = wave[0, self._given * frame : until * frame]
        drop = max(0, until - self._reach)
        self._mel, self._source = self._mel[..., drop:], self._source[..., drop * frame :]
        self._given = until - drop
        return samples

    def _extend_source(self, until: int) -> None:
        """Make the source up to that frame of `_mel`, with the phase carried on."""
        config = self._hift.config
        done = self._source.shape[-1] // config.samples_per_frame
        if until <= done:
            return
        f0 = self._hift.predict_f0(self._mel)[:, done:until]
        hiss = self._noise.hiss(until - done, config.nb_harmonics + 1, config.samples_per_frame).to(f0)
        source = self._hift.make_source(f0, self._phase, hiss, self._cycles.to(f0))
        self._source = torch.cat([self._source, source], dim=-1)
        turned = f0.double().sum() * config.samples_per_frame / config.sampling_rate
        self._cycles = (self._cycles + turned) % 1
