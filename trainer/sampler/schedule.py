"""How many positions are filled when: blocks from left to right, each with a run down a time grid."""

from dataclasses import dataclass

import torch
from torch import Tensor

from omniforge.trainer.sampler.config import SamplingConfig


@dataclass(frozen=True, slots=True)
class Block:
    """Response positions `start` to `stop`, filled in `steps` steps."""

    start: int
    stop: int
    steps: int


def plan_blocks(masked: Tensor, config: SamplingConfig) -> list[Block]:
    """Cut a response into blocks and share the steps out among them.

    By default in proportion to what is masked in a block, at least one step where anything is. In reference mode in
    proportion to the block's length, which can leave a block without a step: it then keeps its masks (SPEC.md section 4).

    Args:
        masked: (length,) bool, positions to be filled.
        config: `steps`, `block_size` and `reference` count.
    """
    length, count = len(masked), int(masked.sum())
    size = config.block_size or max(length, 1)
    steps = min(config.steps, length if config.reference else count)
    blocks: list[Block] = []
    done = 0
    for start in range(0, length, size):
        stop = min(start + size, length)
        if config.reference:
            if start >= size * -(-count // size):
                break
            blocks.append(Block(start, stop, _truncated_share(stop - start, length, steps)))
        elif here := int(masked[start:stop].sum()):
            shared = (done + here) * steps // count - done * steps // count
            blocks.append(Block(start, stop, max(1, shared)))
            done += here
    return blocks


def fill_probability(step: int, steps: int, eps: float) -> float:
    """Return the share of the masked positions that step `step` of `steps` fills: 1 - t_next / t, and 1 at the end.

    In float32 on the grid linspace(1, eps, steps + 1), as the reference counts.
    """
    if step >= steps - 1:
        return 1.0
    times = torch.linspace(1, eps, steps + 1)
    return float(1 - times[step + 1] / times[step])


def fill_count(masked: int, step: int, steps: int, eps: float) -> int:
    """Return how many of `masked` positions step `step` of `steps` fills; at least 1."""
    share = torch.tensor(fill_probability(step, steps, eps), dtype=torch.float32)
    return max(1, int(torch.tensor(masked) * share))


def _truncated_share(part: int, whole: int, steps: int) -> int:
    return int(torch.tensor(part) / whole * steps)
