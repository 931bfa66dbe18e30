"""Hold a table against its pandera model: bad rows apart, bad tables refused."""

from dataclasses import dataclass

import pandera.errors
import pandera.polars as pa
import polars as pl
import pyarrow as pa_arrow


class TableError(ValueError):
    """A table lacks a column, has one too many or one of another type: no row of it can be trusted."""


@dataclass(frozen=True, slots=True)
class RowFailure:
    """One cell that broke its contract: row number, column, the check's name and the value as text."""

    row: int
    column: str
    check: str
    value: str


def arrow_schema(model: type[pa.DataFrameModel]) -> pa_arrow.Schema:
    """Derive the Arrow schema of a table from its model, the one place where columns are declared."""
    return model.empty().to_arrow().schema


def polars_schema(model: type[pa.DataFrameModel]) -> dict[str, pl.DataType]:
    """Column names and polars types of a model, for building frames from rows."""
    return {name: column.dtype.type for name, column in model.to_schema().columns.items()}


def split_failures(model: type[pa.DataFrameModel], frame: pl.DataFrame) -> tuple[pl.DataFrame, list[RowFailure]]:
    """Return the rows that keep the model's contract, and every failure of the others.

    Raises:
        TableError: a column is missing, unexpected or of another type.
    """
    try:
        model.validate(frame, lazy=True)
    except pandera.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return frame, []
    whole = cases.filter(pl.col("index").is_null())
    if whole.height:
        problems = "; ".join(f"{case['column']}: {case['check']} ({case['failure_case']})" for case in whole.to_dicts())
        raise TableError(f"table {model.__name__}: {problems}; rewrite it with the columns of schemas/, or convert it")
    failures = [RowFailure(c["index"], c["column"], c["check"], str(c["failure_case"])[:200]) for c in cases.to_dicts()]
    bad = {failure.row for failure in failures}
    good = frame.filter(~pl.int_range(pl.len()).is_in(sorted(bad)))
    return good, failures


def _completed(model: type[pa.DataFrameModel], frame: pl.DataFrame) -> pl.DataFrame:
    columns = model.to_schema().columns
    absent = [name for name, column in columns.items() if column.nullable and name not in frame.columns]
    if not absent:
        return frame
    completed = frame.with_columns(pl.lit(None, columns[name].dtype.type).alias(name) for name in absent)
    return completed.select(*(name for name in columns if name in completed.columns), pl.exclude(*columns))


def require_valid(model: type[pa.DataFrameModel], frame: pl.DataFrame, where: str) -> pl.DataFrame:
    """Return the frame if all of it keeps the contract, as when reading what another job wrote.

    Columns that may be null and are absent come back as nulls: an earlier version of the contract did not have them.

    Raises:
        TableError: naming `where`, and the first failures.
    """
    good, failures = split_failures(model, _completed(model, frame))
    if failures:
        shown = "; ".join(f"row {f.row} {f.column} {f.check}: {f.value}" for f in failures[:5])
        raise TableError(f"{where}: {len(failures)} cells break the contract of {model.__name__}: {shown}")
    return good
