"""One process or several: who there is, the model sharded over them, whole tensors gathered from them."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as distributed
from torch import Tensor
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor, distribute_tensor

from omniforge.trainer.model.transformer import Dream

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Processes:
    """The processes of a run, and the device of this one."""

    rank: int
    world: int
    device: torch.device

    @property
    def first(self) -> bool:
        """Whether this process writes what all share."""
        return self.rank == 0


@contextmanager
def joined() -> Iterator[Processes]:
    """Join the processes of this run: those `torchrun` or Ray Train started, or none but this one.

    Uses the GPU of the local rank where there is one, and NCCL; else the CPU and gloo. A group that was set up before (by
    Ray Train) is used and left as it is.
    """
    local = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device("cuda", local % torch.cuda.device_count()) if torch.cuda.is_available() else torch.device("cpu")
    if device.type == "cuda":
        torch.cuda.set_device(device)
    ours = int(os.environ.get("WORLD_SIZE", "1")) > 1 and not distributed.is_initialized()
    if ours:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        if distributed.is_initialized():
            yield Processes(distributed.get_rank(), distributed.get_world_size(), device)
        else:
            yield Processes(0, 1, device)
    finally:
        if ours:
            distributed.destroy_process_group()


def shard(model: Dream, processes: Processes) -> None:
    """Shard parameters, gradients and optimizer state over all processes (FSDP2), a group for each block; one needs none."""
    if processes.world > 1:
        for layer in model.model.layers:
            fully_shard(layer)
        fully_shard(model)


def whole(tensor: Tensor) -> Tensor:
    """Gather a possibly sharded tensor; every process calls it for the same tensors in the same order."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def like(tensor: Tensor, pattern: Tensor) -> Tensor:
    """Put a whole tensor where `pattern` is, sharded as it is."""
    tensor = tensor.to(pattern.device)
    return distribute_tensor(tensor, pattern.device_mesh, pattern.placements) if isinstance(pattern, DTensor) else tensor


def summed(tensor: Tensor, processes: Processes) -> Tensor:
    """Return the sum of a small tensor over all processes, on each of them."""
    if processes.world == 1:
        return tensor
    total = tensor.detach().clone()
    distributed.all_reduce(total)
    return total


def by_first(action: Callable[[], T], processes: Processes) -> T:
    """Let the first process do something; all return its result, or raise its error, together."""
    outcome: list[T | Exception | None] = [None]
    if processes.first:
        try:
            outcome[0] = action()
        except Exception as error:
            if processes.world == 1:
                raise
            outcome[0] = error
    if processes.world > 1:
        distributed.broadcast_object_list(outcome, device=processes.device)
    result = outcome[0]
    if isinstance(result, Exception):
        raise result
    return result  # type: ignore[return-value]
