"""The parts of one Dream block, with the parameter names of the published checkpoints (SPEC.md section 2)."""

import torch
import torch.nn.functional as functional
from torch import Tensor, nn

from omniforge.trainer.model.attention import Attention
from omniforge.trainer.model.config import DreamConfig

Rotation = tuple[Tensor, Tensor]
"""Cosines and sines of the rotary angles, each (batch, 1, length, head_dim)."""


class RMSNorm(nn.Module):
    """Root-mean-square normalisation, computed in float32 and cast back before the weight is applied."""

    def __init__(self, size: int, eps: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(size))
        self.eps = eps

    def forward(self, hidden: Tensor) -> Tensor:
        """Normalise the last dimension."""
        exact = hidden.float()
        exact = exact * torch.rsqrt(exact.square().mean(dim=-1, keepdim=True) + self.eps)
        return self.weight * exact.to(hidden.dtype)


def rotary_angles(positions: Tensor, head_dim: int, theta: float, dtype: torch.dtype) -> Rotation:
    """Return the rotation of each position, with float32 angles cast to `dtype`.

    The frequencies are recomputed here, not stored: a buffer outside the checkpoint would hold garbage after a model is
    built on the meta device.

    Args:
        positions: (batch, length) integers.
        head_dim: Even size of a head; dimension i is rotated together with i + head_dim / 2.
        theta: Base of the frequencies.
        dtype: Type of the activations.
    """
    exponents = torch.arange(0, head_dim, 2, dtype=torch.float32, device=positions.device) / head_dim
    angles = positions[:, None, :, None].float() * (1.0 / theta**exponents)
    angles = torch.cat((angles, angles), dim=-1)
    return angles.cos().to(dtype), angles.sin().to(dtype)


def rotate(states: Tensor, rotation: Rotation) -> Tensor:
    """Apply the rotary embedding to (batch, heads, length, head_dim) queries or keys."""
    cosines, sines = rotation
    first, second = states.chunk(2, dim=-1)
    return states * cosines + torch.cat((-second, first), dim=-1) * sines


class SelfAttention(nn.Module):
    """Grouped-query attention; query, key and value projections have a bias, the output projection has none."""

    def __init__(self, config: DreamConfig) -> None:
        super().__init__()
        self.head_dim = config.head_dim
        query_size, kv_size = config.num_attention_heads * self.head_dim, config.num_key_value_heads * self.head_dim
        self.q_proj = nn.Linear(config.hidden_size, query_size)
        self.k_proj = nn.Linear(config.hidden_size, kv_size)
        self.v_proj = nn.Linear(config.hidden_size, kv_size)
        self.o_proj = nn.Linear(query_size, config.hidden_size, bias=False)

    def forward(self, hidden: Tensor, rotation: Rotation, attention: Attention) -> Tensor:
        """Mix (batch, length, hidden_size) along the length, as far as `attention` lets tokens see each other."""
        query, key, value = (
            projection(hidden).unflatten(-1, (-1, self.head_dim)).transpose(1, 2)
            for projection in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = attention(rotate(query, rotation), rotate(key, rotation), value)
        output: Tensor = self.o_proj(mixed.transpose(1, 2).flatten(start_dim=2))
        return output


class GatedMLP(nn.Module):
    """SwiGLU: `down(silu(gate(x)) * up(x))`, without biases."""

    def __init__(self, config: DreamConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=False)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Transform each position by itself."""
        output: Tensor = self.down_proj(functional.silu(self.gate_proj(hidden)) * self.up_proj(hidden))
        return output


class Block(nn.Module):
    """Pre-norm residual block: attention, then the gated MLP."""

    def __init__(self, config: DreamConfig) -> None:
        super().__init__()
        self.self_attn = SelfAttention(config)
        self.mlp = GatedMLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, hidden: Tensor, rotation: Rotation, attention: Attention) -> Tensor:
        """Return the next (batch, length, hidden_size) hidden states."""
        hidden = hidden + self.self_attn(self.input_layernorm(hidden), rotation, attention)
        output: Tensor = hidden + self.mlp(self.post_attention_layernorm(hidden))
        return output
