"""Two ways of making tokens less likely: for having occurred, and for standing far to the right."""

import torch
from torch import Tensor

_FREE_RANKS = 100


def penalise_repetition(logits: Tensor, ids: Tensor, penalty: float) -> Tensor:
    """Divide positive and multiply negative logits of `ids` by `penalty`, in every row.

    Args:
        logits: (rows, vocab_size).
        ids: Distinct ids, 1-D int64.
        penalty: Above 1 makes the ids less likely.
    """
    if penalty == 1.0 or not len(ids):
        return logits
    return logits.index_copy(1, ids, _weaken(logits[:, ids], penalty))


def penalise_positions(logits: Tensor, penalty: float) -> Tensor:
    """Flatten the distributions of the rows beyond the first 100, linearly up to `penalty`.

    Rows are the positions that are still masked, from left to right, so what counts is the rank among them. With 100
    rows or fewer nothing happens. It keeps early steps from deciding the end of a picture (SPEC.md section 4).

    Args:
        logits: (rows, vocab_size).
        penalty: Above 1 makes late rows less certain.
    """
    late = len(logits) - _FREE_RANKS
    if penalty == 1.0 or late <= 0:
        return logits
    ramp = [1.0] * _FREE_RANKS + [rank / late * (penalty - 1.0) + 1.0 for rank in range(late)]
    return _weaken(logits, torch.tensor(ramp, dtype=logits.dtype, device=logits.device)[:, None])


def _weaken(logits: Tensor, factor: Tensor | float) -> Tensor:
    return torch.where(logits < 0, logits * factor, logits / factor)
