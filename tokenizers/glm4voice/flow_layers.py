"""Blocks of the velocity estimator under the published key names (Matcha-TTS components/decoder.py, transformer.py)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

_TIME_SCALE = 1000.0


class ConvBlock(nn.Module):
    """Convolution of width 3, GroupNorm with 8 groups, Mish."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv1d(in_channels, out_channels, 3, padding=1), nn.GroupNorm(8, out_channels), nn.Mish())

    def forward(self, x: Tensor) -> Tensor:
        """Map [batch, in_channels, time] to [batch, out_channels, time]."""
        mapped: Tensor = self.block(x)
        return mapped


class ResnetBlock(nn.Module):
    """Two convolution blocks with the time of the flow added between them, and a residual."""

    def __init__(self, in_channels: int, out_channels: int, time_channels: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Mish(), nn.Linear(time_channels, out_channels))
        self.block1 = ConvBlock(in_channels, out_channels)
        self.block2 = ConvBlock(out_channels, out_channels)
        self.res_conv = nn.Conv1d(in_channels, out_channels, 1)

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Map [batch, in_channels, frames] at the time embedding [batch, time_channels]."""
        hidden = self.block2(self.block1(x) + self.mlp(time)[:, :, None])
        mapped: Tensor = hidden + self.res_conv(x)
        return mapped


class Attention(nn.Module):
    """Full self-attention; the output projection alone has a bias."""

    def __init__(self, channels: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.to_q = nn.Linear(channels, heads * head_dim, bias=False)
        self.to_k = nn.Linear(channels, heads * head_dim, bias=False)
        self.to_v = nn.Linear(channels, heads * head_dim, bias=False)
        self.to_out = nn.ModuleList([nn.Linear(heads * head_dim, channels)])

    def forward(self, x: Tensor) -> Tensor:
        """Attend within [batch, time, channels]."""
        query, key, value = (
            linear(x).unflatten(-1, (self.heads, -1)).transpose(1, 2) for linear in (self.to_q, self.to_k, self.to_v)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value)
        attended: Tensor = self.to_out[0](mixed.transpose(1, 2).flatten(2))
        return attended


class GeluProjection(nn.Module):
    """Linear layer and exact GELU."""

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.proj = nn.Linear(channels, hidden)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., channels] to [..., hidden]."""
        return functional.gelu(self.proj(x))


class FeedForward(nn.Module):
    """Expand fourfold and return."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        # The middle entry stands where the published model has its dropout, so that the names count alike.
        self.net = nn.Sequential(GeluProjection(channels, 4 * channels), nn.Identity(), nn.Linear(4 * channels, channels))

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., channels] to itself."""
        mapped: Tensor = self.net(x)
        return mapped


class TransformerBlock(nn.Module):
    """Pre-norm self-attention and feed-forward over [batch, time, channels]."""

    def __init__(self, channels: int, heads: int, head_dim: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.attn1 = Attention(channels, heads, head_dim)
        self.norm3 = nn.LayerNorm(channels)
        self.ff = FeedForward(channels)

    def forward(self, x: Tensor) -> Tensor:
        """Refine [batch, time, channels]."""
        x = x + self.attn1(self.norm1(x))
        refined: Tensor = x + self.ff(self.norm3(x))
        return refined


class Downsample(nn.Module):
    """Halve the frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(channels, channels, 3, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [batch, channels, time] to [batch, channels, ceil(time / 2)]."""
        halved: Tensor = self.conv(x)
        return halved


class Upsample(nn.Module):
    """Double the frames."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.ConvTranspose1d(channels, channels, 4, stride=2, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Map [batch, channels, time] to [batch, channels, 2 * time]."""
        doubled: Tensor = self.conv(x)
        return doubled


class TimeEmbedding(nn.Module):
    """Two linear layers over sinusoids of the flow's time."""

    def __init__(self, sinusoids: int, channels: int) -> None:
        super().__init__()
        self.sinusoids = sinusoids
        self.linear_1 = nn.Linear(sinusoids, channels)
        self.linear_2 = nn.Linear(channels, channels)

    def forward(self, time: Tensor) -> Tensor:
        """Map times in 0..1, [batch], to [batch, channels]."""
        half = self.sinusoids // 2
        rate = torch.exp(torch.arange(half, device=time.device) * -(math.log(10000.0) / (half - 1)))
        angle = _TIME_SCALE * time[:, None] * rate
        hidden = self.linear_1(torch.cat([angle.sin(), angle.cos()], dim=-1))
        embedded: Tensor = self.linear_2(functional.silu(hidden))
        return embedded
