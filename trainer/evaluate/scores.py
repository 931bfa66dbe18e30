"""From what was measured of single items to figures with confidence intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Share = tuple[float, float]
"""So much out of so much: (1, 1) is right, (0, 1) wrong, (2, 9) two word errors in nine words. Out of 0: says nothing."""

RESAMPLES = 2000
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredItem:
    """One thing that was asked, and what was measured of it.

    Attributes:
        key: Names it within its task, and the same thing in a task that is compared with this one.
        source: Scene or sentence behind it. Items of one source stand or fall together in the confidence intervals.
        asked: What was asked, for people.
        expected: The right response, for people.
        got: The response, for people.
        measures: By series (`model`, a baseline, a ceiling) and measure.
    """

    key: str
    source: int
    asked: str
    expected: str
    got: str
    measures: Mapping[str, Mapping[str, Share]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A pooled share with its 95 % confidence interval, and the number of items it is of."""

    value: float
    low: float
    high: float
    items: int


def figures(items: Sequence[ScoredItem], seed: int) -> dict[str, dict[str, Figure]]:
    """Pool every measure of every series, in the order in which they first occur."""
    found: dict[str, dict[str, list[tuple[int, Share]]]] = {}
    for item in items:
        for series, measures in item.measures.items():
            for name, share in measures.items():
                if share[1] > 0:
                    found.setdefault(series, {}).setdefault(name, []).append((item.source, share))
    return {
        series: {
            name: estimate([source for source, _ in pairs], [share for _, share in pairs], seed)
            for name, pairs in by_name.items()
        }
        for series, by_name in found.items()
    }


def estimate(sources: Sequence[int], shares: Sequence[Share], seed: int) -> Figure:
    """Pool shares (sum over sum) and resample their sources for an interval (percentile bootstrap).

    The same sources, shares and seed give the same figure. Where all are right, or all wrong, the interval is a point: of n
    items without an error the true rate is below about 3 / n.

    Raises:
        ValueError: There is no share, or one is out of nothing.
    """
    if not shares or min(of for _, of in shares) <= 0:
        raise ValueError(f"figures: {len(shares)} shares, some out of nothing; leave those out and give at least one")
    by_source = _by_source(sources, shares)
    drawn = by_source[_resampled(len(by_source), seed)].sum(axis=1)
    low, high = _interval(drawn[:, 0] / drawn[:, 1])
    whole = by_source.sum(axis=0)
    return Figure(value=float(whole[0] / whole[1]), low=low, high=high, items=len(shares))


def difference(
    first: Sequence[ScoredItem], second: Sequence[ScoredItem], measure: str, seed: int, series: str = "model"
) -> Figure | None:
    """Return how much higher a measure is in `first` than in `second`, over the items that both have; None if there are none.

    Items are paired by key, and both of a pair are resampled together.
    """
    others = {item.key: item for item in second}
    pairs = [
        (item.source, item.measures[series][measure], others[item.key].measures[series][measure])
        for item in first
        if item.key in others and all(measure in one.measures.get(series, {}) for one in (item, others[item.key]))
    ]
    pairs = [(source, one, other) for source, one, other in pairs if one[1] > 0 and other[1] > 0]
    if not pairs:
        return None
    sources = [source for source, _, _ in pairs]
    ones = _by_source(sources, [one for _, one, _ in pairs])
    twos = _by_source(sources, [other for _, _, other in pairs])
    places = _resampled(len(ones), seed)
    drawn_ones, drawn_twos = ones[places].sum(axis=1), twos[places].sum(axis=1)
    low, high = _interval(drawn_ones[:, 0] / drawn_ones[:, 1] - drawn_twos[:, 0] / drawn_twos[:, 1])
    one, two = ones.sum(axis=0), twos.sum(axis=0)
    return Figure(value=float(one[0] / one[1] - two[0] / two[1]), low=low, high=high, items=len(pairs))


def _by_source(sources: Sequence[int], shares: Sequence[Share]) -> NDArray[np.float64]:
    """Sum (right, of) over the items of each source: float64 (sources, 2)."""
    places = np.unique(np.array(sources), return_inverse=True)[1]
    values = np.array(shares, dtype=np.float64)
    return np.stack([np.bincount(places, weights=values[:, column]) for column in range(2)], axis=1)


def _resampled(count: int, seed: int) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))


def _interval(values: NDArray[np.float64]) -> tuple[float, float]:
    low, high = np.quantile(values, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    return float(low), float(high)
