"""Hold a published version against everything it claims: hashes, contracts, members, token ids, accounts."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from omniforge.pipeline.manifest import read_part
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import StorageError
from omniforge.schemas.index import RecordIndex
from omniforge.schemas.ledger import UnitTable
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
    accounts for what it read, and that keys are unique in the version.
    """
    content = dataset.manifest.content
    seen: set[str] = set()
    for part in content.parts:
        try:
            units, index, quarantine = (read_part(dataset.store, part, table) for table in ("units", "index", "quarantine"))
            require_valid(UnitTable, units, part.units.url)
            require_valid(RecordIndex if content.layer == "media" else SampleIndex, index, part.index.url)
            require_valid(Quarantine, quarantine, part.quarantine.url)
        except (StorageError, TableError) as error:
            yield Finding(part.index.url, str(error))
            continue
        yield from _accounts(units, index)
        yield from (Finding(key, "the key is in two parts") for key in index["key"] if key in seen)
        seen.update(index["key"])
        for unit in units.filter(pl.col("shard").is_not_null()).iter_rows(named=True):
            rows = index.filter(pl.col("unit") == unit["unit"]).to_dicts()
            yield from _shard(dataset, unit, rows)


def _accounts(units: pl.DataFrame, index: pl.DataFrame) -> Iterator[Finding]:
    kept = dict(index["unit"].value_counts().rows())
    for unit in units.iter_rows(named=True):
        if unit["read"] != unit["kept"] + unit["refused"] + unit["failed"]:
            yield Finding(unit["unit"], "read is not kept + refused + failed")
        if kept.get(unit["unit"], 0) != unit["kept"]:
            yield Finding(unit["unit"], f"{unit['kept']} kept by its ledger, {kept.get(unit['unit'], 0)} in the index")


def _shard(dataset: Dataset, unit: dict[str, Any], rows: list[dict[str, Any]]) -> Iterator[Finding]:
    try:
        data = dataset.store.read(unit["shard"])
    except StorageError as error:
        yield Finding(unit["shard"], str(error))
        return
    if hashlib.sha256(data).hexdigest() != unit["shard_sha256"]:
        yield Finding(unit["shard"], "the bytes are not those that were committed; restore or rebuild the shard")
        return
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = {member.name: (member.offset_data, member.size) for member in tar}
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
    ids = np.load(io.BytesIO(payload["ids"]), allow_pickle=False)
    document = json.loads(payload["json"])
    if ids.dtype != np.uint32 or ids.ndim != 1 or len(ids) != row["length"]:
        yield Finding(row["key"], f"ids are {ids.dtype} {ids.shape}; the index says uint32, {row['length']}")
    elif len(ids) and int(ids.max()) >= vocabulary_size:
        yield Finding(row["key"], f"id {int(ids.max())} is outside the vocabulary of {vocabulary_size}")
    spans = [*((s["start"], s["stop"]) for s in document["spans"]), *map(tuple, document["loss_spans"])]
    if any(not 0 <= start <= stop <= len(ids) for start, stop in spans):
        yield Finding(row["key"], "a span lies outside the ids")
