"""Layers of the HiFT vocoder under the published key names (CosyVoice hifigan/generator.py; SPEC.md section 8)."""

import torch
from torch import Tensor, nn
from torch.nn import functional


def _normalised(weight_v: Tensor, weight_g: Tensor) -> Tensor:
    """Weight normalisation g * v / |v|, the norm over all dimensions but the first, also for transposed convolutions."""
    weight: Tensor = weight_v * (weight_g / weight_v.norm(dim=(1, 2), keepdim=True))
    return weight


class WeightNormConv1d(nn.Module):
    """Convolution over time with weights stored as direction `weight_v` and magnitude `weight_g`; keeps the length."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, dilation: int = 1) -> None:
        super().__init__()
        convolution = nn.Conv1d(in_channels, out_channels, kernel_size)
        weight = convolution.weight.detach()
        self.weight_v = nn.Parameter(weight.clone())
        self.weight_g = nn.Parameter(weight.norm(dim=(1, 2), keepdim=True))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.dilation = dilation
        self.padding = dilation * (kernel_size - 1) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map [batch, in_channels, time] to [batch, out_channels, time]."""
        weight = _normalised(self.weight_v, self.weight_g)
        return functional.conv1d(x, weight, self.bias, padding=self.padding, dilation=self.dilation)


class WeightNormConvTranspose1d(nn.Module):
    """Transposed convolution with normalised weights; its first weight dimension is the INPUT channel."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int, stride: int) -> None:
        super().__init__()
        convolution = nn.ConvTranspose1d(in_channels, out_channels, kernel_size)
        weight = convolution.weight.detach()
        self.weight_v = nn.Parameter(weight.clone())
        self.weight_g = nn.Parameter(weight.norm(dim=(1, 2), keepdim=True))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.stride = stride
        self.padding = (kernel_size - stride) // 2

    def forward(self, x: Tensor) -> Tensor:
        """Map [batch, in_channels, time] to [batch, out_channels, time * stride]."""
        weight = _normalised(self.weight_v, self.weight_g)
        return functional.conv_transpose1d(x, weight, self.bias, stride=self.stride, padding=self.padding)


class Snake(nn.Module):
    """The periodic activation x + sin^2(alpha x) / alpha with a learned frequency for each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.alpha = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        """Activate [batch, channels, time]."""
        alpha = self.alpha[None, :, None]
        return x + torch.sin(x * alpha).square() / (alpha + 1e-9)


class ResBlock(nn.Module):
    """Residual pairs of a dilated and a plain convolution, each behind a Snake."""

    def __init__(self, channels: int, kernel_size: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.convs1 = nn.ModuleList(WeightNormConv1d(channels, channels, kernel_size, d) for d in dilations)
        self.convs2 = nn.ModuleList(WeightNormConv1d(channels, channels, kernel_size) for _ in dilations)
        self.activations1 = nn.ModuleList(Snake(channels) for _ in dilations)
        self.activations2 = nn.ModuleList(Snake(channels) for _ in dilations)

    def forward(self, x: Tensor) -> Tensor:
        """Refine [batch, channels, time]."""
        for first, dilated, second, plain in zip(self.activations1, self.convs1, self.activations2, self.convs2, strict=True):
            x = x + plain(second(dilated(first(x))))
        return x
