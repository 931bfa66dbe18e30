"""Seeded choices that stay the same on every machine and in every version of Python."""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

Item = TypeVar("Item")


class Chance:
    """A stream of random choices named by its seed parts.

    Only `random.Random.random` is drawn from, because its sequence is the one that Python promises never to change; `choice`,
    `shuffle` and `randrange` have no such promise.
    """

    def __init__(self, *seed: str | int) -> None:
        digest = hashlib.sha256("\0".join(str(part) for part in seed).encode()).digest()
        self._random = random.Random(int.from_bytes(digest[:8], "big"))

    def below(self, stop: int) -> int:
        """A whole number from 0 to `stop - 1`."""
        return int(self._random.random() * stop)

    def between(self, low: float, high: float) -> float:
        """A number from `low` (inclusive) to `high` (exclusive)."""
        return low + (high - low) * self._random.random()

    def happens(self, probability: float) -> bool:
        """True with the given probability."""
        return self._random.random() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of the items, each equally likely."""
        return items[self.below(len(items))]

    def shuffled(self, items: Sequence[Item]) -> list[Item]:
        """All items in a random order (Fisher-Yates)."""
        order = list(items)
        for last in range(len(order) - 1, 0, -1):
            other = self.below(last + 1)
            order[last], order[other] = order[other], order[last]
        return order
