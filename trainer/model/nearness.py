"""Fresh attention that begins with what lies near: the tokens beside, and the rows of a picture above and below."""

import math
from collections.abc import Sequence
from itertools import cycle

import torch
from torch import Tensor

from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.layers import SelfAttention
from omniforge.trainer.model.transformer import Dream

EXACT_LAYERS = 2
"""Layers, from the first on, whose near heads look at an offset itself instead of at what lies around it."""
_SHARP = 0.25
"""Least frequency, in radians a place, of the planes that tell a place from the next one."""


def begin_near(model: Dream, strength: float, offsets: Sequence[int]) -> None:
    """Fill the biases of queries and keys so that half of the heads prefer an offset by position alone.

    Fresh queries and keys say next to nothing, and what a score should tell has to grow in both of them at once, so fresh
    attention averages over the whole sequence for long: a question is lost among the codes of its picture, and a code does not
    know its neighbours. Equal biases, turned against each other by the rotary angle of an offset, give a score that is highest
    at the offset. In the later layers all planes of rotation have the same part in it, and it falls slowly: heads average over
    what lies around. In the first `EXACT_LAYERS` (half of the layers at most) the fast planes have most of it, and a head
    passes on one token: what a code of a picture means, its neighbours say, and in an average over many they are lost. The
    other half of the heads begins alike everywhere. (As in mimetic initialisation, arXiv 2305.09828, and the convolutional
    beginning of arXiv 2103.10697, nothing of the architecture changes, only where it begins.)

    Args:
        model: A fresh model, changed in place.
        strength: Square of the biases' size in the later layers; at 1.5, with heads of 64 and a `rope_theta` of 1,000,
            neighbours begin with about a hundred times the weight of tokens 100 places away, with heads of 32 with about thirty
            times. In the first layers the offset has more than exp(2 * strength) times the weight of the places beside it.
        offsets: Distances from the token itself, given to the first half of the heads of each layer by turns, from layer to
            layer on.
    """
    config = model.config
    near = config.num_attention_heads // 2
    turns = cycle(offsets)
    exact = exact_layers(config)
    attentions = [module for module in model.modules() if isinstance(module, SelfAttention)]
    with torch.no_grad():
        for number, attention in enumerate(attentions):
            size = _exact(config, strength) if number < exact else torch.full((config.head_dim,), strength**0.5)
            queries = attention.q_proj.bias.view(config.num_attention_heads, -1)
            keys = attention.k_proj.bias.view(config.num_key_value_heads, -1)
            group = config.num_attention_heads // config.num_key_value_heads
            for head in range(near):
                queries[head] = _turned(config, next(turns)) * size
                keys[head // group] = _turned(config, 0) * size


def exact_layers(config: DreamConfig) -> int:
    """Return the number of layers whose near heads begin with exactly one place."""
    return min(EXACT_LAYERS, config.num_hidden_layers // 2)


def _frequencies(config: DreamConfig) -> Tensor:
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    return 1.0 / config.rope_theta**exponents


def _exact(config: DreamConfig, strength: float) -> Tensor:
    """Return the (head_dim,) size of biases by which the score of the next place is lower by twice the strength.

    Fast planes alone would come round again, 164 and 252 places away: the slow ones, as strong as in later layers, hold
    against that.
    """
    frequencies = _frequencies(config)
    sharp = (frequencies >= _SHARP).float()
    lost = float((sharp * (1 - frequencies.cos())).sum())
    fast = math.sqrt(2 * strength * math.sqrt(config.head_dim) / lost)
    return torch.where(sharp > 0, fast, strength**0.5).repeat(2)


def _turned(config: DreamConfig, offset: int) -> Tensor:
    """Return a (head_dim,) vector of the same angle in every plane of rotation.

    Dimension i is rotated together with i + head_dim / 2 (`layers.rotate`). A query turned by an offset meets a key at that
    distance at the angle 0.
    """
    angles = _frequencies(config) * offset
    return torch.cat((torch.cos(angles), torch.sin(angles)))
