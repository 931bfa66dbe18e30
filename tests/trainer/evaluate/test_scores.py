import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge.trainer.evaluate.scores import ScoredItem, difference, estimate, figures

shares = st.lists(
    st.tuples(st.integers(0, 5), st.integers(1, 9)).flatmap(
        lambda pair: st.tuples(st.just(pair[0]), st.tuples(st.integers(0, pair[1]), st.just(pair[1])))
    ),
    min_size=1,
    max_size=30,
)


def item(key: str, source: int, right: float, of: float = 1.0, series: str = "model") -> ScoredItem:
    return ScoredItem(key=key, source=source, asked="", expected="", got="", measures={series: {"all": (right, of)}}, steps=1)


@settings(max_examples=30)
@given(shares, st.integers(0, 100))
def test_a_share_lies_in_its_interval_between_nothing_and_all(pairs, seed):
    found = estimate([source for source, _ in pairs], [share for _, share in pairs], seed)
    assert 0 <= found.low <= found.high <= 1
    assert found.value == pytest.approx(sum(share[0] for _, share in pairs) / sum(share[1] for _, share in pairs))
    assert found.items == len(pairs)


def test_the_interval_of_many_coins_is_that_of_the_normal_approximation():
    found = estimate(range(400), [(float(number % 2), 1.0) for number in range(400)], 0)
    assert found.value == 0.5
    assert found.low == pytest.approx(0.5 - 1.96 * 0.025, abs=0.005)
    assert found.high == pytest.approx(0.5 + 1.96 * 0.025, abs=0.005)


def test_items_of_one_source_count_once_for_the_interval():
    apart = estimate(range(200), [(float(number % 2), 1.0) for number in range(200)], 0)
    together = estimate([number // 4 for number in range(200)], [(float(number // 4 % 2), 1.0) for number in range(200)], 0)
    assert together.high - together.low > 1.8 * (apart.high - apart.low)


def test_the_same_seed_gives_the_same_interval_and_another_nearly_the_same():
    values = [(number % 7 / 7, 1.0 + number % 5) for number in range(100)]
    assert estimate(range(100), values, 4) == estimate(range(100), values, 4)
    one, other = estimate(range(100), values, 4), estimate(range(100), values, 5)
    assert one != other
    assert one.low == pytest.approx(other.low, abs=0.03)


def test_shares_of_nothing_are_left_out_of_figures_and_refused_alone():
    assert figures([item("a", 0, 0, 0), item("b", 1, 1, 1)], 0)["model"]["all"].items == 1
    with pytest.raises(ValueError, match="out of nothing"):
        estimate([0], [(0.0, 0.0)], 0)


def test_a_difference_is_of_the_pairs_that_both_have():
    first = [item("a", 0, 1), item("b", 1, 1), item("c", 2, 0)]
    second = [item("b", 1, 0), item("a", 0, 1), item("d", 3, 1)]
    found = difference(first, second, "all", 0)
    assert (found.value, found.items) == (0.5, 2)
    assert difference(first, [item("z", 9, 1)], "all", 0) is None


def test_paired_items_that_agree_differ_by_nothing_however_few():
    items = [item(str(number), number, number % 2) for number in range(10)]
    found = difference(items, items, "all", 0)
    assert (found.low, found.value, found.high) == (0.0, 0.0, 0.0)
