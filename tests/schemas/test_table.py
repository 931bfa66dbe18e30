import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.schemas.index import RecordIndex
from omniforge.schemas.ledger import UnitTable
from omniforge.schemas.quarantine import Quarantine
from omniforge.schemas.sample import SampleIndex
from omniforge.schemas.table import TableError, arrow_schema, polars_schema, require_valid, split_failures

MODELS = (RecordIndex, SampleIndex, Quarantine, UnitTable)


def refusals(**columns: list[object]) -> pl.DataFrame:
    height = len(next(iter(columns.values()))) if columns else 1
    row = {
        "key": "k",
        "corpus": "c",
        "source_uri": "f#1",
        "stage": "pull",
        "task": "",
        "outcome": "refused",
        "reason": "too_short",
        "detail": "",
        "retryable": False,
        "evidence": b"",
    }
    return pl.DataFrame(
        {**{name: [value] * height for name, value in row.items()}, **columns}, schema=polars_schema(Quarantine)
    )


def test_a_table_that_keeps_its_contract_comes_back_whole() -> None:
    frame = refusals(key=["a", "b"])
    good, failures = split_failures(Quarantine, frame)
    assert good.equals(frame)
    assert failures == []


def test_a_bad_row_is_found_with_column_check_and_value_and_the_others_stay() -> None:
    frame = refusals(key=["a", "b", "c"], reason=["too_short", "because", "too_long"])
    good, failures = split_failures(Quarantine, frame)
    assert good["key"].to_list() == ["a", "c"]
    (failure,) = failures
    assert (failure.row, failure.column, failure.value) == (1, "reason", "because")
    assert "isin" in failure.check


def test_a_null_where_none_may_be_is_a_bad_row() -> None:
    good, failures = split_failures(Quarantine, refusals(detail=["", None]))
    assert good.height == 1
    assert [(failure.row, failure.column) for failure in failures] == [(1, "detail")]


def test_a_key_that_stands_twice_is_found_in_both_rows() -> None:
    frame = pl.DataFrame(
        [unit_row(unit="a"), unit_row(unit="b"), unit_row(unit="a")], schema=polars_schema(UnitTable), orient="row"
    )
    good, failures = split_failures(UnitTable, frame)
    assert good["unit"].to_list() == ["b"]
    assert {failure.row for failure in failures} == {0, 2}


def unit_row(**columns: object) -> dict[str, object]:
    return {
        "unit": "u",
        "stage": "pull",
        "corpus": "c",
        "container": "f",
        **dict.fromkeys(("start", "stop", "read", "kept", "refused", "failed", "shard_bytes"), 1),
        "shard": None,
        "shard_sha256": None,
        "index": "i",
        "index_sha256": "0",
        "environment": "e",
        **columns,
    }


def test_a_missing_column_condemns_the_table() -> None:
    with pytest.raises(TableError, match=r"Quarantine.*reason"):
        split_failures(Quarantine, refusals().drop("reason"))


def test_a_column_of_another_type_condemns_the_table() -> None:
    with pytest.raises(TableError, match="retryable"):
        split_failures(Quarantine, refusals().with_columns(pl.lit("no").alias("retryable")))


def test_a_column_nobody_declared_condemns_the_table() -> None:
    with pytest.raises(TableError, match="surprise"):
        split_failures(Quarantine, refusals().with_columns(pl.lit(1).alias("surprise")))


def test_a_bad_table_is_condemned_even_if_rows_are_bad_too() -> None:
    with pytest.raises(TableError, match="detail"):
        split_failures(Quarantine, refusals(reason=["because"]).drop("detail"))


def test_reading_a_table_with_a_bad_row_names_the_file_and_the_cell() -> None:
    with pytest.raises(TableError, match=r"parts/q\.parquet: 1 cells.*row 0 reason.*because"):
        require_valid(Quarantine, refusals(reason=["because"]), "parts/q.parquet")


@pytest.mark.parametrize("model", MODELS)
def test_an_empty_table_keeps_the_contract_and_both_schemas_name_the_same_columns(model: type) -> None:
    frame = pl.DataFrame([], schema=polars_schema(model))
    assert split_failures(model, frame) == (frame, [])
    assert arrow_schema(model).names == list(polars_schema(model)) == frame.columns


@given(st.lists(st.sampled_from(["too_short", "nonsense"]), min_size=1, max_size=30))
def test_good_rows_and_failing_rows_are_all_rows(reasons: list[str]) -> None:
    good, failures = split_failures(Quarantine, refusals(reason=list(reasons)))
    assert good.height + len({failure.row for failure in failures}) == len(reasons)
    assert {failure.row for failure in failures} == {row for row, reason in enumerate(reasons) if reason == "nonsense"}
