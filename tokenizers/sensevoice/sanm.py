"""Blocks of the SenseVoice encoder: attention with a memory of neighbouring frames (SAN-M)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig

_LONGEST_PERIOD = 10_000.0


class LayerNorm32(nn.LayerNorm):
    """LayerNorm computed in float32 whatever the dtype of its input."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise the last dimension; dtype and shape stay."""
        weight, bias = self.weight.float(), self.bias.float()
        return functional.layer_norm(input.float(), self.normalized_shape, weight, bias, self.eps).type_as(input)


class SanmAttention(nn.Module):
    """Self-attention plus a depthwise convolution over the values, the memory."""

    def __init__(self, input_size: int, config: SenseVoiceConfig) -> None:
        super().__init__()
        size = config.output_size
        self.heads = config.attention_heads
        self.linear_q_k_v = nn.Linear(input_size, 3 * size)
        self.linear_out = nn.Linear(size, size)
        self.fsmn_block = nn.Conv1d(size, size, config.kernel_size, padding=config.kernel_size // 2, groups=size, bias=False)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Mix frames.

        Args:
            x: [B, T, input_size].
            valid: Bool [B, T], False on padding.

        Returns:
            [B, T, output_size].
        """
        query, key, value = self.linear_q_k_v(x).chunk(3, dim=-1)
        kept = value * valid[..., None]
        memory = (self.fsmn_block(kept.mT).mT + kept) * valid[..., None]
        mixed = functional.scaled_dot_product_attention(
            self._split(query), self._split(key), self._split(value), attn_mask=valid[:, None, None, :]
        )
        out: Tensor = self.linear_out(mixed.transpose(1, 2).flatten(2)) + memory
        return out

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class FeedForward(nn.Module):
    """Two linear layers with a ReLU between."""

    def __init__(self, size: int, hidden: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(size, hidden)
        self.w_2 = nn.Linear(hidden, size)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., size] to [..., size]."""
        out: Tensor = self.w_2(functional.relu(self.w_1(x)))
        return out


class SanmBlock(nn.Module):
    """Pre-norm attention and feed-forward; a block that changes the width has no residual around its attention."""

    def __init__(self, input_size: int, config: SenseVoiceConfig) -> None:
        super().__init__()
        self.self_attn = SanmAttention(input_size, config)
        self.feed_forward = FeedForward(config.output_size, config.linear_units)
        self.norm1 = LayerNorm32(input_size)
        self.norm2 = LayerNorm32(config.output_size)
        self.keeps_width = input_size == config.output_size

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map [B, T, input_size] to [B, T, output_size]; `valid` is bool [B, T]."""
        attended: Tensor = self.self_attn(self.norm1(x), valid)
        x = x + attended if self.keeps_width else attended
        out: Tensor = x + self.feed_forward(self.norm2(x))
        return out


class SanmEncoder(nn.Module):
    """The stack of blocks with its two norms."""

    def __init__(self, config: SenseVoiceConfig) -> None:
        super().__init__()
        size = config.output_size
        self.scale = size**0.5
        self.encoders0 = nn.ModuleList([SanmBlock(config.input_size, config)])
        self.encoders = nn.ModuleList(SanmBlock(size, config) for _ in range(config.num_blocks - 1))
        self.tp_encoders = nn.ModuleList(SanmBlock(size, config) for _ in range(config.tp_blocks))
        self.after_norm = LayerNorm32(size)
        self.tp_norm = LayerNorm32(size)

    def forward(self, x: Tensor, valid: Tensor) -> Tensor:
        """Map [B, T, input_size] to [B, T, output_size]; `valid` is bool [B, T]."""
        x = x * self.scale + sinusoids(x.shape[1], x.shape[2], x.device).to(x.dtype)
        x = self.after_norm(_through([*self.encoders0, *self.encoders], x, valid))
        out: Tensor = self.tp_norm(_through(list(self.tp_encoders), x, valid))
        return out


def _through(blocks: Sequence[nn.Module], x: Tensor, valid: Tensor) -> Tensor:
    for block in blocks:
        x = block(x, valid)
    return x


def sinusoids(length: int, size: int, device: torch.device | None = None) -> Tensor:
    """Return the position encoding, float32 [length, size]: positions from 1, sines in the first half, cosines after."""
    half = size // 2
    step = torch.log(torch.tensor(_LONGEST_PERIOD, device=device)) / (half - 1)
    angles = torch.arange(1, length + 1, device=device)[:, None] * torch.exp(-step * torch.arange(half, device=device))
    return torch.cat([angles.sin(), angles.cos()], dim=1)
