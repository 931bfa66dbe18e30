"""How fast the embedded tokenizers are on one thread: batched as the pipeline calls them, against one at a time.

The reference calls its tokenizers one sample at a time inside the data loader.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from omniforge.tokenizers import registry

ROUNDS = 3


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    """Print pictures a second and seconds of speech a second."""
    torch.set_num_threads(1)
    image = registry.load("magvit2", source="embedded")
    speech = registry.load("glm4voice", source="embedded")
    generator = torch.Generator().manual_seed(0)
    pictures = torch.rand(32, 3, 128, 128, generator=generator) * 2 - 1
    waves = [np.random.default_rng(n).standard_normal(16_000 * 4).astype(np.float32) * 0.1 for n in range(16)]
    codes = speech.encode(waves[:2])
    ways: dict[str, tuple[Callable[[], object], float, str]] = {
        "encode pictures, 128 px, batch of 32": (lambda: image.encode(pictures), 32, "pictures/s"),
        "encode pictures, one at a time": (lambda: [image.encode(p[None]) for p in pictures], 32, "pictures/s"),
        "encode speech, batch of 16": (lambda: speech.encode(waves), 64, "x real time"),
        "encode speech, one at a time": (lambda: [speech.encode([wave]) for wave in waves], 64, "x real time"),
        "decode speech": (lambda: speech.decode(codes), 8, "x real time"),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, (work, _, _) in ways.items():
            times[name].append(seconds(work))
    print("| what | rate |\n| --- | --- |")
    for name, (_, amount, unit) in ways.items():
        print(f"| {name} | {amount / statistics.median(times[name]):.1f} {unit} |")


if __name__ == "__main__":
    main()
