"""Networks that take many items at once, where that pays: like lengths together, one compiled network for all shapes.

A CPU takes one item at a time instead (docs/tokenizers-image.md).
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor


def group_by_length(lengths: Sequence[int], edges: Sequence[int], budget: int) -> list[tuple[int, list[int]]]:
    """Group items of like length, so that little is padded and few shapes occur.

    Args:
        lengths: Of the items, each at most the last edge.
        edges: The lengths that are padded to, ascending.
        budget: Most items times padded length of a group; a single item may exceed it.

    Returns:
        Padded length and the places of the items in `lengths`, for each group; every item is in one of them.
    """
    groups: list[tuple[int, list[int]]] = []
    order = sorted(range(len(lengths)), key=lambda item: lengths[item])
    for item in order:
        edge = next(edge for edge in edges if lengths[item] <= edge)
        if not groups or groups[-1][0] != edge or (len(groups[-1][1]) + 1) * edge > budget:
            groups.append((edge, []))
        groups[-1][1].append(item)
    return groups


def compiled(network: Callable[..., Tensor], device: torch.device | str, backend: str = "inductor") -> Callable[..., Tensor]:
    """Compile a network for all shapes at once where the device is a GPU; elsewhere return it as it is.

    `backend` is that of `torch.compile`, which compiles at the first call.
    """
    if torch.device(device).type != "cuda":
        return network
    # Sizes as symbols from the start: one compilation instead of one for each size of batch or picture.
    return torch.compile(network, dynamic=True, backend=backend)


@contextmanager
def full_precision() -> Iterator[None]:
    """Keep convolutions in float32 on a GPU, where they are TF32 by default; matrix products are float32 anyway.

    Codes are decided by signs and nearest rows: with 10 bits of mantissa many would be others than a CPU gives.
    """
    cudnn = torch.backends.cudnn
    with cudnn.flags(enabled=True, benchmark=False, deterministic=True, allow_tf32=False):
        yield
