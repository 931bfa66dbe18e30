"""How far a rate measured on some items can be trusted: the percentile bootstrap."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000
CONFIDENCE = 0.95

_AT_ONCE = 1 << 20
"""Numbers drawn at once, so that memory does not grow with the number of items."""


def rate_interval(
    errors: Sequence[float], counts: Sequence[float], sources: Sequence[int] | None = None, seed: int = 0
) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of sum(errors) / sum(counts) (Efron and Tibshirani 1993, chapter 13).

    Whole items are drawn again, with replacement, since errors in one sentence go together. Equal arguments give equal
    intervals. A difference of two rates over the same counts is the rate of the differences of their errors.

    Args:
        errors: Errors of each item; differences of errors may be negative.
        counts: Words of each item, above 0.
        sources: What each item is of; items of one source are drawn together. None: every item is of its own.
        seed: Of the drawing.

    Raises:
        ValueError: No item, unequal lengths, or an item that counts nothing.
    """
    if not errors or len(errors) != len(counts) or min(counts) <= 0:
        raise ValueError(f"rate interval: {len(errors)} errors for {len(counts)} counts; give one for one, counts above 0.")
    drawn = resampled_sums(np.stack([np.asarray(errors, float), np.asarray(counts, float)], axis=1), sources, seed)
    return interval_of(drawn[:, 0] / drawn[:, 1])


def resampled_sums(
    values: npt.NDArray[np.float64], sources: Sequence[int] | None = None, seed: int = 0
) -> npt.NDArray[np.float64]:
    """Sum what items were measured to be, `RESAMPLES` times over items drawn with replacement.

    Args:
        values: float64 (items, columns).
        sources: As in `rate_interval`.
        seed: Of the drawing.

    Returns:
        float64 (RESAMPLES, columns).
    """
    if sources is not None:
        places = np.unique(np.asarray(sources), return_inverse=True)[1]
        values = np.stack([np.bincount(places, weights=column) for column in values.T], axis=1)
    generator = np.random.default_rng(seed)
    rows = max(_AT_ONCE // values.size, 1)
    chunks = [min(rows, RESAMPLES - start) for start in range(0, RESAMPLES, rows)]
    return np.concatenate([values[generator.integers(len(values), size=(chunk, len(values)))].sum(axis=1) for chunk in chunks])


def interval_of(drawn: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return the bounds within which the middle 95 % of drawn values lie."""
    low, high = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
