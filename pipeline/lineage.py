"""Trace a sample or a record back to the corpus file it came from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import duckdb

from omniforge.pipeline.catalog import connect, rows
from omniforge.pipeline.reference import Dataset


@dataclass(frozen=True, slots=True)
class Step:
    """One thing on the way back: what it is, its name, and the facts about it."""

    what: str
    name: str
    facts: dict[str, Any]


def explain(dataset: Dataset, key: str) -> list[Step]:
    """Return the way from `key` (of a sample or a record) to its sources; refused records have one too.

    Raises:
        ValueError: no sample, record or refused record of that key is in the version or what it was made from.
    """
    connection = connect(dataset)
    try:
        steps = list(_steps(connection, key))
    finally:
        connection.close()
    if not steps:
        raise ValueError(f"{dataset.reference} and its inputs hold no sample or record {key!r}; keys are listed in `samples`")
    return steps


def _steps(connection: duckdb.DuckDBPyConnection, key: str) -> Iterator[Step]:
    for sample in rows(connection, "select * from samples where key = ?", [key]):
        shown = ("task", "dataset", "shard", "length", "text_tokens", "image_tokens", "speech_tokens", "loss_tokens")
        yield Step("sample", key, {name: sample[name] for name in shown})
        yield from _unit(connection, sample)
        yield from _record(connection, sample["record"])
    yield from _record(connection, key)


def _record(connection: duckdb.DuckDBPyConnection, key: str) -> Iterator[Step]:
    for record in rows(connection, "select * from records where key = ?", [key]):
        shown = ("kind", "text", "question", "answer", "voice", "answer_voice", "engine", "wer", "asr_text", "license", "split")
        facts = {name: record[name] for name in ("dataset", "shard", *shown) if record[name] not in (None, "")}
        if record["messages"]:
            facts["messages"] = " / ".join(f"{m['role']}: {m['content'][:80]!r}" for m in json.loads(record["messages"]))
        if record["repairs"]:
            facts["repairs"] = ", ".join(record["repairs"])
        facts["media"] = ", ".join(_medium(member) for member in record["members"] if member["role"] != "json")
        yield Step("record", key, facts)
        yield from _unit(connection, record)
        above = [step for parent in record["parents"] for step in _record(connection, parent)]
        # What was read back from an export names parents that are in no dataset here: the export is its source.
        if not above:
            yield Step("source", record["source_uri"], {"corpus": record["corpus"], "revision": record["revision"]})
        yield from above
    for refused in rows(connection, "select * from quarantine where key = ?", [key]):
        facts = {name: refused[name] for name in ("stage", "task", "outcome", "reason", "detail", "source_uri")}
        yield Step("quarantined", key, facts)


def _medium(member: dict[str, Any]) -> str:
    size = f"{member['width']}x{member['height']}" if member["width"] else f"{member['seconds']:.2f} s"
    return f"{member['name']} ({size}, {member['size']} bytes)"


def _unit(connection: duckdb.DuckDBPyConnection, row: dict[str, Any]) -> Iterator[Step]:
    sql = "select * from units where unit = ? and dataset = ?"
    for unit in rows(connection, sql, [row["unit"], row["dataset"]]):
        what = f"{unit['container']} records {unit['start']} to {unit['stop'] - 1}"
        yield Step("unit", unit["unit"], {"stage": unit["stage"], "of": what, "environment": unit["environment"]})
