from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.plan import BYTES_PER_UNIT, RECORDS_PER_UNIT, Unit, load_plan, make_unit, ranges, store_plan
from omniforge.pipeline.storage import Store

RECORDS = st.integers(0, 50_000)
SIZES = st.integers(0, 20 * BYTES_PER_UNIT)
FACTS: dict[str, Any] = {
    "stage": "pull",
    "corpus": "c",
    "container": "c/1.tar",
    "start": 0,
    "stop": 10,
    "identity": "sha",
    "fingerprints": {"check": "1", "model": "2"},
    "keys": "",
}


@given(RECORDS, SIZES)
def test_ranges_cover_a_container_exactly_once_in_order(records: int, size: int) -> None:
    cuts = list(ranges(records, size))
    assert [start for start, _ in cuts] == [0, *(stop for _, stop in cuts)][: len(cuts)]
    assert all(start < stop for start, stop in cuts)
    assert sum(stop - start for start, stop in cuts) == records


@given(RECORDS.filter(bool), SIZES)
def test_a_range_holds_about_a_unit(records: int, size: int) -> None:
    longest = max(stop - start for start, stop in ranges(records, size))
    assert longest <= RECORDS_PER_UNIT
    assert longest == 1 or (longest - 1) * size / records <= BYTES_PER_UNIT


@given(RECORDS, SIZES, st.integers(0, 60_000))
def test_a_limit_takes_the_first_records_and_moves_no_cut(records: int, size: int, limit: int) -> None:
    cuts, limited = list(ranges(records, size)), list(ranges(records, size, limit=limit))
    assert sum(stop - start for start, stop in limited) == min(records, limit)
    assert limited[:-1] == cuts[: max(0, len(limited) - 1)]


@pytest.mark.parametrize(
    "change",
    [
        {"stage": "synth"},
        {"corpus": "d"},
        {"container": "c/2.tar"},
        {"start": 1},
        {"stop": 11},
        {"identity": "other"},
        {"fingerprints": {"check": "2", "model": "2"}},
        {"fingerprints": {"check": "1"}},
        {"keys": "some"},
    ],
)
def test_each_fact_changes_the_id(change: dict[str, Any]) -> None:
    assert make_unit(**(FACTS | change)).id != make_unit(**FACTS).id


def test_the_order_of_fingerprints_changes_no_id() -> None:
    assert make_unit(**(FACTS | {"fingerprints": {"model": "2", "check": "1"}})) == make_unit(**FACTS)


@given(st.dictionaries(st.text("abc", min_size=1), st.integers(0, 5000), min_size=1, max_size=6), st.text("xyz", min_size=1))
def test_a_new_container_adds_units_and_changes_none(containers: dict[str, int], new: str) -> None:
    def plan(there: dict[str, int]) -> set[str]:
        return {
            make_unit(**(FACTS | {"container": name, "start": start, "stop": stop})).id
            for name, records in there.items()
            for start, stop in ranges(records, 0)
        }

    before, after = plan(containers), plan(containers | {new: 3000})
    assert before < after
    assert len(after - before) == 3


def test_a_container_whose_name_is_not_utf8_is_refused_when_planned() -> None:
    with pytest.raises(ValueError, match="not UTF-8; rename"):
        make_unit(**(FACTS | {"container": "caf\udce9.tar"}))


@given(st.text(), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_unit_survives_json(identity: str, container: str) -> None:
    unit = make_unit(**(FACTS | {"identity": identity, "container": container}), index="i.parquet")
    assert Unit.from_json(unit.to_json()) == unit


def test_a_plan_is_kept_under_a_name_that_tells_its_content(local: Store) -> None:
    units = [make_unit(**(FACTS | {"container": f"line\u2028break {number}"})) for number in range(3)]
    key = store_plan(local, "demo", units)
    assert key == store_plan(local, "demo", units) != store_plan(local, "demo", units[:2])
    assert load_plan(local, key) == tuple(units)
