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
        if not bool(self.sets.any(dim=1).all()) or int(self.sets.any(dim=0).sum()) < 2:
            raise ValueError(
                "sampling: a set of allowed ids is empty, or all sets together hold one id; nothing could be chosen from them, "
                "so give such ids in the response"
            )

    def narrow(self, logits: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Return logits of the ids that are allowed anywhere, -inf where one may not stand, and these ids.

        Leaving the others out, rather than hiding them, saves most of the work of scoring.

        Args:
            logits: (n, vocab_size).
            positions: (n,) int64 response positions.

        Returns:
            (n, ids) logits and (ids,) int64, ascending.
        """
        ids = self.sets.any(dim=0).nonzero()[:, 0]
        return logits[:, ids].masked_fill(~self.sets[:, ids][self.of_position[positions]], -torch.inf), ids


def allow(vocab_size: int, choices: Sequence[Tensor], of_position: Tensor) -> Allowed:
    """Return the restriction to `choices`, 1-D int64 ids of each set, numbered in their order."""
    sets = torch.zeros(len(choices), vocab_size, dtype=torch.bool)
    for number, ids in enumerate(choices):
        sets[number, ids] = True
    return Allowed(sets=sets.to(of_position.device), of_position=of_position)
