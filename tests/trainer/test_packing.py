import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.trainer.packing import fill_ratio, pack

windows = st.integers(1, 200).flatmap(
    lambda capacity: st.tuples(st.lists(st.integers(1, capacity), max_size=80), st.just(capacity))
)


@given(windows)
def test_every_sample_is_in_exactly_one_row_that_it_fits(window: tuple[list[int], int]) -> None:
    lengths, capacity = window
    rows = pack(lengths, capacity)
    assert sorted(index for row in rows for index in row) == list(range(len(lengths)))
    assert all(sum(lengths[index] for index in row) <= capacity for row in rows)


@given(windows)
def test_packing_is_a_function_of_the_lengths(window: tuple[list[int], int]) -> None:
    lengths, capacity = window
    assert pack(lengths, capacity) == pack(tuple(lengths), capacity)


@given(windows)
def test_at_most_one_row_is_half_empty(window: tuple[list[int], int]) -> None:
    lengths, capacity = window
    fills = [sum(lengths[index] for index in row) for row in pack(lengths, capacity)]
    assert sum(2 * fill <= capacity for fill in fills) <= 1


@given(windows)
def test_rows_and_samples_keep_the_order_of_the_window(window: tuple[list[int], int]) -> None:
    rows = pack(*window)
    assert all(row == sorted(row) for row in rows)
    assert [row[0] for row in rows] == sorted(row[0] for row in rows)


def test_a_realistic_mixture_wastes_less_than_two_percent() -> None:
    rng = np.random.default_rng(0)
    lengths = np.concatenate(
        [
            300 + rng.integers(10, 90, 2000),
            1040 + rng.integers(20, 200, 1500),
            np.clip(rng.lognormal(5.2, 0.6, 1500), 30, 3072).astype(int),
            1200 + rng.integers(50, 900, 800),
            rng.integers(60, 400, 1200),
        ]
    )
    rng.shuffle(lengths)
    for window in np.array_split(lengths, 4):
        assert fill_ratio(window.tolist(), pack(window.tolist(), 3072), 3072) > 0.98


@pytest.mark.parametrize("length", [0, 11])
def test_a_sample_that_fits_no_row_is_named(length: int) -> None:
    with pytest.raises(ValueError, match=f"sample 1 has {length} tokens"):
        pack([3, length], 10)


def test_no_samples_make_no_rows() -> None:
    assert pack([], 10) == []
    assert fill_ratio([], [], 10) == 1.0
