"""A shuffled order that takes no memory: a keyed bijection of 0..n-1, evaluated where it is needed."""

import hashlib

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 6
_MIX = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))


def seed_of(*parts: int | str) -> int:
    """Derive a seed below 2**63 from what it is for, such as `seed_of(7, "tail", "asr", 12)`; the same on every machine."""
    text = "\n".join(map(str, parts))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8]) >> 1


def permuted(positions: NDArray[np.int64], size: int, seed: int) -> NDArray[np.int64]:
    """Map positions of 0..size-1 to those of a random permutation, one to one.

    A Feistel network over the next power of four, walked along until it lands inside (format-preserving encryption by cycle
    walking, Black and Rogaway 2002). Nothing of length `size` is held, so the order of a billion items costs as much
    memory as that of ten.

    Args:
        positions: Integers in 0..size-1, any shape.
        size: Number of items.
        seed: Key; each gives another permutation.

    Raises:
        ValueError: A position is outside.
    """
    if positions.size and (positions.min() < 0 or positions.max() >= size):
        raise ValueError(f"shuffle: positions {positions.min()}..{positions.max()} leave 0..{size - 1}")
    half = max(1, ((size - 1).bit_length() + 1) // 2)
    keys = [np.uint64(seed_of(seed, "round", number)) for number in range(_ROUNDS)]
    values = _encrypted(positions.astype(np.uint64), half, keys)
    while (outside := values >= np.uint64(size)).any():
        values[outside] = _encrypted(values[outside], half, keys)
    return values.astype(np.int64)


def _encrypted(values: NDArray[np.uint64], half: int, keys: list[np.uint64]) -> NDArray[np.uint64]:
    width, low = np.uint64(half), np.uint64((1 << half) - 1)
    left, right = values >> width, values & low
    for key in keys:
        left, right = right, left ^ (_mixed(right ^ key) & low)
    return (left << width) | right


def _mixed(values: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Scramble 64-bit words (the finaliser of SplitMix64; overflow is meant)."""
    values = (values ^ (values >> np.uint64(30))) * _MIX[0]
    values = (values ^ (values >> np.uint64(27))) * _MIX[1]
    return values ^ (values >> np.uint64(31))
