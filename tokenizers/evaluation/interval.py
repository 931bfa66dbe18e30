"""How far a rate measured on some sentences can be trusted."""

from collections.abc import Sequence

import numpy as np

_SEED = 0


def rate_interval(errors: Sequence[float], counts: Sequence[int], draws: int = 2000) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of sum(errors) / sum(counts) (Efron and Tibshirani 1993, chapter 13).

    Whole sentences are drawn again, with replacement, since errors in one sentence go together. Equal arguments give equal
    intervals. A difference of two rates on the same sentences is the rate of the differences of their errors.

    Args:
        errors: Errors of each sentence; differences of errors may be negative.
        counts: Words of each sentence, at least 1.
        draws: Number of drawn sets.

    Raises:
        ValueError: No sentence, unequal lengths, or a sentence without words.
    """
    if not errors or len(errors) != len(counts) or min(counts) < 1:
        raise ValueError(f"rate interval: {len(errors)} errors for {len(counts)} counts; give one for one, counts from 1.")
    chosen = np.random.default_rng(_SEED).integers(len(errors), size=(draws, len(errors)))
    rates = np.asarray(errors, float)[chosen].sum(axis=1) / np.asarray(counts, float)[chosen].sum(axis=1)
    low, high = np.percentile(rates, (2.5, 97.5))
    return float(low), float(high)
