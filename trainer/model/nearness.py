"""Fresh attention that begins with what lies near: the tokens beside, and the rows of a picture above and below."""

from collections.abc import Sequence
from itertools import cycle

import torch
from torch import Tensor

from omniforge.trainer.model.layers import SelfAttention
from omniforge.trainer.model.transformer import Dream


def begin_near(model: Dream, strength: float, offsets: Sequence[int]) -> None:
    """Fill the biases of queries and keys so that half of the heads prefer, by position alone, the tokens around an offset.

    Fresh queries and keys say next to nothing, and what a score should tell has to grow in both of them at once, so fresh
    attention averages over the whole sequence for long: a question is lost among the codes of its picture, and a code does not
    know its neighbours. Equal biases, turned against each other by the rotary angle of an offset, give the score
    `strength * sqrt(head_dim) / 2 * mean(cos(frequency * (distance - offset)))`: highest at the offset and falling slowly, as
    the frequencies of the rotary embedding are spread. The other half of the heads begins alike everywhere. (As in mimetic
    initialisation, arXiv 2305.09828, nothing of the architecture changes, only where it begins.)

    Args:
        model: A fresh model, changed in place.
        strength: Square of the biases' size; at 1.5, with heads of 64 and a `rope_theta` of 1,000, neighbours begin with about
            a hundred times the weight of tokens 100 places away, with heads of 32 with about thirty times.
        offsets: Distances from the token itself, given to the first half of the heads of each layer by turns, from layer to
            layer on.
    """
    config = model.config
    exponents = torch.arange(0, config.head_dim, 2, dtype=torch.float32) / config.head_dim
    frequencies = 1.0 / config.rope_theta**exponents
    size = strength**0.5
    near, free = config.num_attention_heads // 2, (config.num_attention_heads + 1) // 2
    turns = cycle(offsets)
    keys = (_turned(frequencies, 0) * size).repeat(config.num_key_value_heads)
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, SelfAttention):
                looking = [_turned(frequencies, next(turns)) * size for _ in range(near)]
                module.q_proj.bias.copy_(torch.cat((*looking, torch.zeros(free * config.head_dim))))
                module.k_proj.bias.copy_(keys)


def _turned(frequencies: Tensor, offset: int) -> Tensor:
    """Return a (head_dim,) vector of the same angle in every plane of rotation.

    Dimension i is rotated together with i + head_dim / 2 (`layers.rotate`). A query turned by an offset meets a key at that
    distance at the angle 0.
    """
    return torch.cat((torch.cos(frequencies * offset), torch.sin(frequencies * offset)))
