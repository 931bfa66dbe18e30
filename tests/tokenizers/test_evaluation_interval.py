import tracemalloc

import numpy as np
import pytest

from omniforge.tokenizers.evaluation.interval import rate_interval


def test_an_interval_has_the_width_that_theory_gives_a_share() -> None:
    errors = np.random.default_rng(3).random(400) < 0.3
    low, high = rate_interval([float(error) for error in errors], [1] * 400)
    half = 1.96 * (errors.mean() * (1 - errors.mean()) / 400) ** 0.5
    assert (low, high) == pytest.approx((errors.mean() - half, errors.mean() + half), abs=0.01)


def test_equal_arguments_give_equal_intervals() -> None:
    assert rate_interval([1, 0, 2, 0], [3, 4, 5, 6]) == rate_interval([1, 0, 2, 0], [3, 4, 5, 6])


def test_items_of_one_source_are_drawn_together() -> None:
    errors, counts = [1.0, 1.0, 0.0, 0.0, 1.0, 0.0], [2.0] * 6
    summed = rate_interval([2.0, 0.0, 1.0], [4.0, 4.0, 4.0])
    assert rate_interval(errors, counts, sources=[7, 7, 8, 8, 9, 9]) == summed != rate_interval(errors, counts)


def test_memory_does_not_grow_with_the_items() -> None:
    tracemalloc.start()
    rate_interval([1.0, 0.0] * 2000, [1.0] * 4000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 2000 * 4000 * 8 / 2


def test_sentences_without_words_are_refused() -> None:
    with pytest.raises(ValueError, match="counts above 0"):
        rate_interval([0], [0])
