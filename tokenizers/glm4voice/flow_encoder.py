"""The encoder over speech codes of the flow decoder: relative positions and chunk-causal attention (SPEC.md section 8)."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniforge.tokenizers.glm4voice.config import FlowEncoderConfig


class RelativeSelfAttention(nn.Module):
    """Multi-head attention whose scores add a term for the offset of query and key (arXiv 1901.02860)."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.linear_q = nn.Linear(width, width)
        self.linear_k = nn.Linear(width, width)
        self.linear_v = nn.Linear(width, width)
        self.linear_out = nn.Linear(width, width)
        self.linear_pos = nn.Linear(width, width, bias=False)
        self.pos_bias_u = nn.Parameter(torch.zeros(heads, width // heads))
        self.pos_bias_v = nn.Parameter(torch.zeros(heads, width // heads))

    def forward(self, x: Tensor, offsets: Tensor, allowed: Tensor) -> Tensor:
        """Attend within [batch, time, width].

        Args:
            x: States.
            offsets: Encodings of the offsets time - 1 down to 1 - time, [2 * time - 1, width].
            allowed: Which key a query may see, bool [time, time].
        """
        query, key, value = (
            linear(x).unflatten(-1, (self.heads, -1)) for linear in (self.linear_q, self.linear_k, self.linear_v)
        )
        position = self.linear_pos(offsets).unflatten(-1, (self.heads, -1)).transpose(0, 1)
        by_offset = (query + self.pos_bias_v).transpose(1, 2) @ position.transpose(1, 2)
        scores = _shift(by_offset) / math.sqrt(query.shape[-1])
        mixed = functional.scaled_dot_product_attention(
            (query + self.pos_bias_u).transpose(1, 2),
            key.transpose(1, 2),
            value.transpose(1, 2),
            attn_mask=scores.masked_fill(~allowed, -torch.inf),
        )
        attended: Tensor = self.linear_out(mixed.transpose(1, 2).flatten(2))
        return attended


def _shift(by_offset: Tensor) -> Tensor:
    """Turn scores by offset, [..., time, 2 * time - 1], into scores by key, [..., time, time]."""
    *lead, time, offsets = by_offset.shape
    padded = functional.pad(by_offset, (1, 0)).reshape(*lead, offsets + 1, time)
    return padded[..., 1:, :].reshape(*lead, time, offsets)[..., :time]


class FeedForward(nn.Module):
    """Two linear layers around a swish."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.w_1 = nn.Linear(width, hidden)
        self.w_2 = nn.Linear(hidden, width)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., width] to itself."""
        mapped: Tensor = self.w_2(functional.silu(self.w_1(x)))
        return mapped


class FlowEncoderLayer(nn.Module):
    """A pre-norm layer: relative attention, then the feed-forward."""

    def __init__(self, config: FlowEncoderConfig) -> None:
        super().__init__()
        width = config.output_size
        self.self_attn = RelativeSelfAttention(width, config.attention_heads)
        self.feed_forward = FeedForward(width, config.linear_units)
        self.norm_ff = nn.LayerNorm(width)
        self.norm_mha = nn.LayerNorm(width)

    def forward(self, x: Tensor, offsets: Tensor, allowed: Tensor) -> Tensor:
        """Refine [batch, time, width]; the other arguments as in `RelativeSelfAttention`."""
        x = x + self.self_attn(self.norm_mha(x), offsets, allowed)
        refined: Tensor = x + self.feed_forward(self.norm_ff(x))
        return refined


class InputProjection(nn.Module):
    """Linear layer and LayerNorm in front of the layers."""

    def __init__(self, input_size: int, width: int) -> None:
        super().__init__()
        self.out = nn.Sequential(nn.Linear(input_size, width), nn.LayerNorm(width))

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., input_size] to [..., width]."""
        projected: Tensor = self.out(x)
        return projected


class FlowEncoder(nn.Module):
    """Contextualise code embeddings (CosyVoice transformer/encoder.py with block_rel_selfattn)."""

    def __init__(self, config: FlowEncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.embed = InputProjection(config.input_size, config.output_size)
        self.encoders = nn.ModuleList(FlowEncoderLayer(config) for _ in range(config.num_blocks))
        self.after_norm = nn.LayerNorm(config.output_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map embeddings, [batch, codes, input_size], to states, [batch, codes, output_size]."""
        width, block = self.config.output_size, self.config.block_size
        x = self.embed(x) * math.sqrt(width)
        time = x.shape[1]
        index = torch.arange(time, device=x.device)
        query, key = index[:, None], index[None, :]
        allowed = (key <= query) | (key // block == query // block)
        offsets = offset_encodings(time, width).to(x)
        for layer in self.encoders:
            x = layer(x, offsets, allowed)
        states: Tensor = self.after_norm(x)
        return states


def offset_encodings(time: int, width: int) -> Tensor:
    """Sinusoids of the offsets time - 1 down to 1 - time, sine and cosine interleaved, [2 * time - 1, width]."""
    offset = torch.arange(time - 1, -time, -1, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * -(math.log(10000.0) / width))
    return torch.stack([torch.sin(offset * rate), torch.cos(offset * rate)], dim=-1).flatten(1)
