import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.trainer.shuffle import permuted, seed_of


@given(st.integers(1, 2000), st.integers(0, 2**62))
def test_every_item_comes_exactly_once(size: int, seed: int) -> None:
    assert sorted(permuted(np.arange(size), size, seed).tolist()) == list(range(size))


def test_an_order_of_a_trillion_items_costs_what_is_asked_of_it() -> None:
    size = 10**12
    places = permuted(np.array([0, 1, size - 1]), size, 3)
    assert len(set(places.tolist())) == 3
    assert places.min() >= 0
    assert places.max() < size


def test_items_end_up_anywhere_and_neighbours_apart() -> None:
    size = 10_000
    order = permuted(np.arange(size), size, 5)
    assert abs(np.corrcoef(np.arange(size), order)[0, 1]) < 0.05
    assert np.mean(np.abs(np.diff(order))) == pytest.approx(size / 3, rel=0.05)


def test_seeds_give_different_orders() -> None:
    assert permuted(np.arange(100), 100, 1).tolist() != permuted(np.arange(100), 100, 2).tolist()


def test_a_position_outside_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"leave 0\.\.9"):
        permuted(np.array([10]), 10, 0)


def test_seeds_are_the_same_on_every_machine_and_tell_parts_apart() -> None:
    assert seed_of(7, "tail", "asr/12") == 3350315425445484927
    assert seed_of(1, 23) != seed_of(12, 3)
