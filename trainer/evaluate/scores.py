"""From what was measured of single items to figures with confidence intervals."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from omniforge.tokenizers.evaluation.interval import interval_of, rate_interval, resampled_sums

Share = tuple[float, float]
"""So much out of so much: (1, 1) is right, (0, 1) wrong, (2, 9) two word errors in nine words. Out of 0: says nothing."""


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
        steps: Forward passes that the response took, which is at most what was asked for: no more than it has tokens to decide.
            None where nobody responds.
    """

    key: str
    source: int
    asked: str
    expected: str
    got: str
    measures: Mapping[str, Mapping[str, Share]]
    steps: int | None


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
    rights, totals = zip(*shares, strict=True)
    low, high = rate_interval(rights, totals, sources, seed)
    return Figure(value=sum(rights) / sum(totals), low=low, high=high, items=len(shares))


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
    values = np.array([(*one, *other) for _, one, other in pairs])
    drawn = resampled_sums(values, [source for source, _, _ in pairs], seed)
    low, high = interval_of(_less(drawn))
    return Figure(value=float(_less(values.sum(axis=0, keepdims=True))[0]), low=low, high=high, items=len(pairs))


def _less(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Subtract rates in rows of (right, of) of the one and (right, of) of the other."""
    less: NDArray[np.float64] = sums[:, 0] / sums[:, 1] - sums[:, 2] / sums[:, 3]
    return less
