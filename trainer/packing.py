"""Which samples share a row: best-fit packing of lengths."""

from bisect import bisect_left, insort
from collections.abc import Sequence


def pack(lengths: Sequence[int], capacity: int) -> list[list[int]]:
    """Distribute samples over rows of `capacity` tokens, best fit in order of decreasing length.

    A pure function: the same lengths give the same rows. Takes O(n log n) comparisons. Rows come in the order of the
    earliest sample in them and samples in a row in their own order, so a shuffled window stays shuffled.

    Args:
        lengths: Tokens of each sample, 1 to `capacity`.
        capacity: Tokens that fit into a row.

    Returns:
        Indices into `lengths`, each exactly once, row by row.

    Raises:
        ValueError: A sample is empty or longer than a row.
    """
    for index, length in enumerate(lengths):
        if not 1 <= length <= capacity:
            raise ValueError(
                f"packing: sample {index} has {length} tokens, a row takes 1 to {capacity}; "
                "leave such samples out or make the rows longer"
            )
    rows: list[list[int]] = []
    spaces: list[tuple[int, int]] = []
    for index in sorted(range(len(lengths)), key=lambda index: (-lengths[index], index)):
        fit = bisect_left(spaces, (lengths[index], -1))
        if fit == len(spaces):
            space, row = capacity, len(rows)
            rows.append([])
        else:
            space, row = spaces.pop(fit)
        rows[row].append(index)
        if space > lengths[index]:
            insort(spaces, (space - lengths[index], row))
    return sorted(sorted(row) for row in rows)


def fill_ratio(lengths: Sequence[int], rows: Sequence[Sequence[int]], capacity: int) -> float:
    """Return the share of real tokens in packed rows; 1 when there is none."""
    return sum(lengths) / (len(rows) * capacity) if rows else 1.0
