"""Which ids may be chosen where, so that a picture holds nothing but picture codes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowed:
    """A few sets of ids, and which of them each response position draws from.

    Attributes:
        sets: (sets, vocab_size) bool.
        of_position: (response,) int64 number of the set.
    """

    sets: Tensor
    of_position: Tensor

    def __post_init__(self) -> None:
        if not bool(self.sets.any(dim=1).all()):
            raise ValueError("sampling: a set of allowed ids is empty; nothing could be chosen from it")

    def restrict(self, logits: Tensor, positions: Tensor) -> Tensor:
        """Return the (n, vocab_size) logits of (n,) response positions with -inf at ids that may not stand there."""
        return logits.masked_fill(~self.sets[self.of_position[positions]], -torch.inf)


def allow(vocab_size: int, choices: Sequence[Tensor], of_position: Tensor) -> Allowed:
    """Return the restriction to `choices`, 1-D int64 ids of each set, numbered in their order."""
    sets = torch.zeros(len(choices), vocab_size, dtype=torch.bool)
    for number, ids in enumerate(choices):
        sets[number, ids] = True
    return Allowed(sets=sets.to(of_position.device), of_position=of_position)
