"""Layers of the speech tokenizer's Whisper-style encoder under the published key names (SPEC.md section 6)."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class CausalConv1d(nn.Conv1d):
    """A convolution over time that sees the past only, by zeros in front."""

    def forward(self, x: Tensor) -> Tensor:
        """Map [batch, in_channels, time] to [batch, out_channels, ceil(time / stride)]."""
        return super().forward(functional.pad(x, (self.kernel_size[0] - 1, 0)))


class SelfAttention(nn.Module):
    """Multi-head attention as in Whisper: keys have no bias."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.k_proj = nn.Linear(width, width, bias=False)
        self.v_proj = nn.Linear(width, width)
        self.q_proj = nn.Linear(width, width)
        self.out_proj = nn.Linear(width, width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Attend within [batch, time, width]; `bias`, [batch, 1, time, time], is added to the scores."""
        query, key, value = (
            projection(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        attended: Tensor = self.out_proj(mixed.transpose(1, 2).flatten(2))
        return attended


class EncoderLayer(nn.Module):
    """A pre-norm transformer layer with exact GELU."""

    def __init__(self, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.self_attn = SelfAttention(width, heads)
        self.self_attn_layer_norm = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, hidden)
        self.fc2 = nn.Linear(hidden, width)
        self.final_layer_norm = nn.LayerNorm(width)

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Refine [batch, time, width] under the attention bias of `SelfAttention`."""
        x = x + self.self_attn(self.self_attn_layer_norm(x), bias)
        refined: Tensor = x + self.fc2(functional.gelu(self.fc1(self.final_layer_norm(x))))
        return refined


def block_causal_bias(valid: Tensor, block: int) -> Tensor:
    """Return what is added to attention scores: 0 for a valid key that is earlier or in the query's block.

    Args:
        valid: True where a frame is inside its utterance, [batch, time].
        block: Frames in a block.

    Returns:
        0 or the lowest finite float32, [batch, 1, time, time].
    """
    index = torch.arange(valid.shape[1], device=valid.device)
    query, key = index[:, None], index[None, :]
    allowed = ((key <= query) | (key // block == query // block))[None] & valid[:, None, :]
    bias = torch.zeros(allowed.shape, device=valid.device)
    return bias.masked_fill_(~allowed, torch.finfo(torch.float32).min)[:, None]
