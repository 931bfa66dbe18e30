"""Hold a published version against everything it claims: hashes, contracts, members, token ids, accounts."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
import polars as pl
from pandera.polars import DataFrameModel

from omniforge.pipeline.catalog import arrow_table
from omniforge.pipeline.manifest import read_part, totals_of
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import StorageError
from omniforge.schemas.index import RecordIndex
from omniforge.schemas.ledger import UnitTable
from omniforge.schemas.manifest import Part
from omniforge.schemas.quarantine import Quarantine
from omniforge.schemas.sample import SampleIndex
from omniforge.schemas.table import TableError, require_valid


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a version claims that is not so: where, and what."""

    where: str
    what: str


def validate(dataset: Dataset) -> Iterator[Finding]:
    """Check a version part by part and shard by shard, holding one shard in memory; yield what is wrong.

    Every shard is read whole. Checked are the hash of every object, the contract of every table, that each index row's members
    lie where it says with the content it says, that token ids and spans fit the vocabulary and the index, that every unit
    accounts for what it read, that the totals are sums of the parts, and that keys are unique in the version.
    """
    content = dataset.manifest.content
    model = RecordIndex if content.layer == "media" else SampleIndex
    sound = []
    for part in content.parts:
        try:
            units, index, quarantine = (read_part(dataset.store, part, table) for table in ("units", "index", "quarantine"))
            require_valid(UnitTable, units, part.units.url)
            require_valid(model, index, part.index.url)
            require_valid(Quarantine, quarantine, part.quarantine.url)
        except (StorageError, TableError) as error:
            yield Finding(part.index.url, str(error))
            continue
        sound.append(part)
        yield from _accounts(part, units, index, quarantine)
        for unit in units.filter(pl.col("shard").is_not_null()).iter_rows(named=True):
            rows = index.filter(pl.col("unit") == unit["unit"]).to_dicts()
            yield from _shard(dataset, unit, rows)
    if totals_of(content.parts) != (content.totals, content.corpora):
        yield Finding(dataset.reference, "the totals of the version are not the sums of its parts")
    yield from _repeated_keys(dataset, sound, model)


def _accounts(part: Part, units: pl.DataFrame, index: pl.DataFrame, quarantine: pl.DataFrame) -> Iterator[Finding]:
    kept = dict(index["unit"].value_counts().rows())
    for unit in units.iter_rows(named=True):
        if unit["read"] != unit["kept"] + unit["refused"] + unit["failed"]:
            yield Finding(unit["unit"], "read is not kept + refused + failed")
        if (rows := kept.pop(unit["unit"], 0)) != unit["kept"]:
            yield Finding(unit["unit"], f"{unit['kept']} kept by its ledger, {rows} in the index")
    yield from (Finding(unit, f"{rows} rows in the index, but the part has no such unit") for unit, rows in kept.items())
    for outcome in ("refused", "failed"):
        told, rows = int(units[outcome].sum()), quarantine.filter(pl.col("outcome") == outcome).height
        if told != rows:
            yield Finding(part.quarantine.url, f"{told} {outcome} by the ledger, {rows} in the quarantine")
    totals = {name: int(units[name].sum()) for name in ("read", "kept", "refused", "failed")}
    if totals != {name: getattr(part.totals, name) for name in totals} or (part.unit_count, part.rows) != (
        len(units),
        len(index),
    ):
        yield Finding(part.units.url, "the manifest counts other units, rows or outcomes than the part holds")


def _repeated_keys(dataset: Dataset, parts: Sequence[Part], model: type[DataFrameModel]) -> Iterator[Finding]:
    """Find keys of several parts in DuckDB, which needs no more memory than it has."""
    if not parts:
        return
    with duckdb.connect(":memory:") as connection:
        connection.register("rows_of_parts", arrow_table(dataset.store, parts, "index", model))
        repeated = connection.execute("select key, count(*) from rows_of_parts group by key having count(*) > 1 order by key")
        for key, times in repeated.fetchall():
            yield Finding(key, f"the key stands {times} times in the version")


def _shard(dataset: Dataset, unit: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[Finding]:
    try:
        data = dataset.store.read(unit["shard"])
    except StorageError as error:
        yield Finding(unit["shard"], str(error))
        return
    if hashlib.sha256(data).hexdigest() != unit["shard_sha256"]:
        yield Finding(unit["shard"], "the bytes are not those that were committed; restore or rebuild the shard")
        return
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as tar:
            lying = [(member.name, member.offset_data, member.size) for member in tar]
    except tarfile.TarError as error:
        yield Finding(unit["shard"], f"no tar archive: {error}")
        return
    members = {name: (offset, size) for name, offset, size in lying}
    if len(members) != len(lying):
        yield Finding(unit["shard"], "two members have one name")
    claimed = {m["name"]: m for row in rows for m in row["members"]}
    for name in members.keys() ^ claimed.keys():
        yield Finding(unit["shard"], f"member {name} is in the {'shard' if name in members else 'index'} alone")
    for name, member in claimed.items():
        if name in members and members[name] != (member["offset"], member["size"]):
            yield Finding(unit["shard"], f"member {name} lies elsewhere than its index says")
        payload = data[member["offset"] : member["offset"] + member["size"]]
        if member["sha256"] is not None and hashlib.sha256(payload).hexdigest() != member["sha256"]:
            yield Finding(unit["shard"], f"member {name} has other bytes than its index says")
    if dataset.manifest.content.layer == "tokens":
        size = int(dataset.manifest.content.vocabulary["size"])
        for row in rows:
            yield from _sample(data, row, size)


def _sample(data: bytes, row: dict[str, Any], vocabulary_size: int) -> Iterator[Finding]:
    payload = {m["role"]: data[m["offset"] : m["offset"] + m["size"]] for m in row["members"]}
    try:
        ids = np.load(io.BytesIO(payload["ids"]), allow_pickle=False)
        document = json.loads(payload["json"])
        spans = [(span["modality"], span["start"], span["stop"]) for span in document["spans"]]
        loss = [("loss", start, stop) for start, stop in document["loss_spans"]]
    except (KeyError, ValueError, EOFError) as error:
        yield Finding(row["key"], f"the sample cannot be read: {type(error).__name__}: {error}")
        return
    if ids.dtype != np.uint32 or ids.ndim != 1 or len(ids) != row["length"]:
        yield Finding(row["key"], f"ids are {ids.dtype} {ids.shape}; the index says uint32, {row['length']}")
    elif len(ids) and int(ids.max()) >= vocabulary_size:
        yield Finding(row["key"], f"id {int(ids.max())} is outside the vocabulary of {vocabulary_size}")
    if any(not 0 <= start <= stop <= ids.size for _, start, stop in spans + loss):
        yield Finding(row["key"], "a span lies outside the ids")
    for modality in ("text", "image", "speech", "loss"):
        tokens = sum(stop - start for name, start, stop in spans + loss if name == modality)
        if tokens != row[f"{modality}_tokens"]:
            yield Finding(row["key"], f"{tokens} {modality} tokens in spans; the index says {row[f'{modality}_tokens']}")
