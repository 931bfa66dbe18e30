"""Timing several ways of doing the same in turns, so that a busy machine is busy for all of them alike."""

import statistics
from collections.abc import Callable, Mapping


def medians(ways: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """Return the median of each way's seconds over `rounds` rounds, after one that warms up and does not count."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, seconds in ways.items():
            took = seconds()
            if number:
                taken[name].append(took)
    return {name: statistics.median(times) for name, times in taken.items()}


def show(found: Mapping[str, float], against: str) -> None:
    """Print milliseconds, and ratios to one of the ways."""
    for name, seconds in found.items():
        print(f"{name}: {1000 * seconds:.1f} ms, {seconds / found[against]:.2f}")
