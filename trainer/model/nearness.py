"""Fresh attention that begins with what lies near: the token before, the one behind, the last few, and everything alike."""

import torch
from torch import Tensor

from omniforge.trainer.model.layers import SelfAttention
from omniforge.trainer.model.transformer import Dream

OFFSETS: tuple[int | None, ...] = (-1, 1, -3, None)
"""Where the heads of a layer look at first, by turns, from the token itself; None looks everywhere alike."""


def begin_near(model: Dream, strength: float) -> None:
    """Fill the biases of queries and keys so that each head prefers, by position alone, the tokens around an offset.

    Fresh queries and keys say next to nothing, and what a score should tell has to grow in both of them at once, so fresh
    attention averages over the whole sequence for long: a question is lost among the codes of its picture, and an answer among
    other questions. Equal biases, turned against each other by the rotary angle of an offset, give the score
    `strength * sqrt(head_dim) / 2 * mean(cos(frequency * (distance - offset)))`: highest at the offset and falling slowly, as
    the frequencies of the rotary embedding are spread. (As in mimetic initialisation, arXiv 2305.09828, nothing of the
    architecture changes, only where it begins.)

    Args:
        model: A fresh model, changed in place.
        strength: Square of the biases' size; at 1.5, with heads of 64 and a `rope_theta` of 1,000, neighbours begin with about
            a hundred times the weight of tokens 100 places away.
    """
    config = model.config
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    frequencies = 1.0 / config.rope_theta**exponents
    size = strength**0.5
    offsets = [OFFSETS[head % len(OFFSETS)] for head in range(config.num_attention_heads)]
    queries = torch.cat([_turned(frequencies, offset) * size for offset in offsets])
    keys = (_turned(frequencies, 0) * size).repeat(config.num_key_value_heads)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, SelfAttention):
                module.q_proj.bias.copy_(queries)
                module.k_proj.bias.copy_(keys)


def _turned(frequencies: Tensor, offset: int | None) -> Tensor:
    """Return a (head_dim,) vector of the same angle in every plane of rotation, zero for no offset.

    Dimension i is rotated together with i + head_dim / 2 (`layers.rotate`). A query turned by an offset meets a key at that
    distance at the angle 0.
    """
    if offset is None:
        return torch.zeros(2 * len(frequencies))
    return torch.cat((torch.cos(frequencies * offset), torch.sin(frequencies * offset)))
