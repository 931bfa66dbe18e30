"""Units over the shards of a media dataset: which there are, and the index rows in a unit's range."""

import io
from collections.abc import Iterator
from typing import Any

import polars as pl

from omniforge.pipeline.manifest import read_part
from omniforge.pipeline.plan import Unit
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import Store, read_content
from omniforge.schemas.index import RecordIndex
from omniforge.schemas.table import require_valid


def media_units(dataset: Dataset) -> Iterator[dict[str, Any]]:
    """Yield the rows of the units table whose unit kept at least one record, a part in memory at a time."""
    if dataset.manifest.content.layer != "media":
        raise ValueError(f"{dataset.reference} is of the token layer; give a media dataset")
    for part in dataset.manifest.content.parts:
        yield from read_part(dataset.store, part, "units").filter(pl.col("shard").is_not_null()).iter_rows(named=True)


def unit_rows(store: Store, unit: Unit) -> list[dict[str, Any]]:
    """Read the index rows of a unit's range, with the name of their shard filled in, and hold them against the contract."""
    frame = require_valid(RecordIndex, pl.read_parquet(io.BytesIO(read_content(store, unit.index))), unit.index)
    return frame[unit.start : unit.stop].to_dicts()
