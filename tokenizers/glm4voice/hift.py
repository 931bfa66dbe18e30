"""HiFT, the vocoder of GLM-4-Voice: mel spectrogram to waveform through an inverse STFT (SPEC.md section 8)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniforge.tokenizers.glm4voice.config import HiftConfig
from omniforge.tokenizers.glm4voice.hift_layers import ResBlock, WeightNormConv1d, WeightNormConvTranspose1d
from omniforge.tokenizers.glm4voice.hift_source import F0Predictor, HarmonicSource, upsample_f0

_MAX_MAGNITUDE = 100.0


class HiftGenerator(nn.Module):
    """The vocoder under the key names of the published hift.pt (CosyVoice hifigan/generator.py).

    All random numbers are arguments: the reference draws them from torch's global generator.
    """

    window: Tensor

    def __init__(self, config: HiftConfig) -> None:
        super().__init__()
        self.config = config
        base, bins = config.base_channels, config.istft_n_fft + 2
        levels = len(config.upsample_rates)
        widths = [base >> (level + 1) for level in range(levels)]
        self.m_source = HarmonicSource(config)
        self.conv_pre = WeightNormConv1d(config.in_channels, base, 7)
        self.ups = nn.ModuleList(
            WeightNormConvTranspose1d(base >> level, base >> (level + 1), kernel, rate)
            for level, (rate, kernel) in enumerate(zip(config.upsample_rates, config.upsample_kernel_sizes, strict=True))
        )
        self.source_downs = nn.ModuleList(
            _source_down(bins, width, math.prod(config.upsample_rates[level + 1 :])) for level, width in enumerate(widths)
        )
        self.source_resblocks = nn.ModuleList(
            ResBlock(width, kernel, dilations)
            for width, kernel, dilations in zip(
                widths, config.source_resblock_kernel_sizes, config.source_resblock_dilation_sizes, strict=True
            )
        )
        shapes = list(zip(config.resblock_kernel_sizes, config.resblock_dilation_sizes, strict=True))
        self.resblocks = nn.ModuleList(ResBlock(width, kernel, dilations) for width in widths for kernel, dilations in shapes)
        self.conv_post = WeightNormConv1d(widths[-1], bins, 7)
        self.f0_predictor = F0Predictor(config.in_channels, config.f0_channels)
        self.register_buffer("window", torch.hann_window(config.istft_n_fft), persistent=False)

    def predict_f0(self, mel: Tensor) -> Tensor:
        """Predict hertz by frame, [batch, frames], from a mel spectrogram, [batch, mels, frames]."""
        f0: Tensor = self.f0_predictor(mel)
        return f0

    def make_source(self, f0: Tensor, phase: Tensor, noise: Tensor, turned: Tensor | None = None) -> Tensor:
        """Make the excitation, [batch, 1, samples], from hertz by frame and given random numbers.

        Args:
            f0: Hertz, [batch, frames].
            phase: Initial phases in -pi..pi, [batch, harmonics + 1, 1].
            noise: Standard normal numbers, [batch, harmonics + 1, frames * samples_per_frame].
            turned: Cycles of the fundamental before the first frame, [batch, 1, 1]; None at the start of an utterance.
        """
        source: Tensor = self.m_source(upsample_f0(f0, self.config.samples_per_frame), phase, noise, turned)
        return source

    def decode(self, mel: Tensor, source: Tensor) -> Tensor:
        """Make the waveform, [batch, samples], from a mel spectrogram and its excitation, [batch, 1, samples]."""
        config = self.config
        spectrum = self._source_spectrum(source)
        x = self.conv_pre(mel)
        kernels = len(config.resblock_kernel_sizes)
        for level, up in enumerate(self.ups):
            x = up(functional.leaky_relu(x, config.lrelu_slope))
            if level == len(self.ups) - 1:
                x = functional.pad(x, (1, 0), mode="reflect")
            x = x + self.source_resblocks[level](self.source_downs[level](spectrum))
            blocks = [self.resblocks[level * kernels + index](x) for index in range(kernels)]
            x = torch.stack(blocks).sum(dim=0) / kernels
        # The reference leaves the slope of this one at torch's default of 0.01.
        x = self.conv_post(functional.leaky_relu(x))
        bins = config.istft_n_fft // 2 + 1
        magnitude = torch.exp(x[:, :bins]).clamp(max=_MAX_MAGNITUDE)
        phase = torch.sin(x[:, bins:])
        spectrum = torch.complex(magnitude * torch.cos(phase), magnitude * torch.sin(phase))
        wave = torch.istft(spectrum, config.istft_n_fft, config.istft_hop, window=self.window)
        return wave.clamp(-config.audio_limit, config.audio_limit)

    def forward(self, mel: Tensor, phase: Tensor, noise: Tensor) -> Tensor:
        """Make the waveform, [batch, samples], from a mel spectrogram and given random numbers (see `make_source`)."""
        return self.decode(mel, self.make_source(self.predict_f0(mel), phase, noise))

    def _source_spectrum(self, source: Tensor) -> Tensor:
        config = self.config
        spectrum = torch.stft(source[:, 0], config.istft_n_fft, config.istft_hop, window=self.window, return_complex=True)
        return torch.cat([spectrum.real, spectrum.imag], dim=1)


def _source_down(bins: int, width: int, rate: int) -> nn.Conv1d:
    """Bring the source's spectrum to the rate of a level, which `rate` is the distance of from the highest."""
    if rate == 1:
        return nn.Conv1d(bins, width, 1)
    return nn.Conv1d(bins, width, rate * 2, stride=rate, padding=rate // 2)
