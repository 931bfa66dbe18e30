"""What attention inside documents takes on a CPU in bfloat16, forwards and backwards: as training has it, and other ways.

    python benchmarks/segment_attention.py --rounds 9

Prints medians of interleaved rounds, one thread, two documents of 340 tokens and eight heads of 32.
"""

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch
import torch.nn.functional as functional
from interleaved import medians, show
from torch import Tensor

from omniforge.trainer.model.attention import SegmentAttention

RUNS = ((340, True), (340, True))
REPEATED = 10
Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def in_float32(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Multiply in bfloat16 and take scores through float32."""
    scores = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
    return torch.softmax(scores, dim=-1, dtype=torch.float32).to(value.dtype) @ value


def by_segments(attend: Attend) -> Attend:
    """Run one document after the other."""

    def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        parts = zip(
            *(torch.split(tensor, [length for length, _ in RUNS], dim=2) for tensor in (query, key, value)), strict=True
        )
        return torch.cat([attend(*part) for part in parts], dim=2)

    return attention


def seconds(attend: Attend) -> float:
    """Time forwards and backwards."""
    length = sum(count for count, _ in RUNS)
    states = [torch.randn(1, 8, length, 32, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)]
    begun = time.perf_counter()
    for _ in range(REPEATED):
        with torch.autocast("cpu", torch.bfloat16):
            attend(*states).float().sum().backward()  # type: ignore[no-untyped-call]
    return (time.perf_counter() - begun) / REPEATED


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    ways: dict[str, Attend] = {
        "training": SegmentAttention(RUNS),
        "scores through float32": by_segments(in_float32),
        "fused": by_segments(functional.scaled_dot_product_attention),
    }
    show(medians({name: partial(seconds, attend) for name, attend in ways.items()}, rounds), against="training")


if __name__ == "__main__":
    main()
