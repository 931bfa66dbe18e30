"""Ask a dataset version questions in SQL: DuckDB views over its parts and over those of everything it was made from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import duckdb
import pandera.polars as pa
import pyarrow.dataset

from omniforge.pipeline.reference import Dataset, find_version, open_dataset
from omniforge.pipeline.storage import Store
from omniforge.schemas.index import RecordIndex
from omniforge.schemas.ledger import UnitTable
from omniforge.schemas.manifest import Part
from omniforge.schemas.quarantine import Quarantine
from omniforge.schemas.sample import SampleIndex
from omniforge.schemas.table import arrow_schema

VIEWS: dict[str, str] = {
    "records": "a row per record of the media layer, with `dataset`",
    "samples": "a row per task sample of the token layer, with `dataset`",
    "outcomes": "source_uri, key, stage, task, outcome, reason: a row for each record and stage or task",
    "shards": "a row per shard: url, bytes, sha256, records",
    "tasks": "samples, tokens and seconds by task",
    "corpora": "records, refusals and seconds by corpus",
    "units": "a row per work unit, with `dataset`",
    "quarantine": "a row per refused or failed record, with `dataset`",
    "utterances": "a row per sound of a record: role, text, seconds, and voice, engine, wer, quality, ... of that sound",
    "voices": "utterances, seconds, mean word error rate and mean quality by voice",
}


def _of_sound(first: str, answer: str) -> str:
    """SQL: a measure of the first thing said is of a question or of speech; beside those only answers are measured."""
    return f"case sound.role when 'question' then {first} when 'speech' then {first} when 'answer' then {answer} end"


SQL: dict[str, str] = {
    "outcomes": """
        select source_uri, key, stage, task, outcome, reason from quarantine
        union all
        select r.source_uri, r.key, u.stage, '' as task, 'kept' as outcome, '' as reason
        from records r join units u using (dataset, unit)
        union all
        select s.source_uri, s.key, u.stage, s.task, 'kept' as outcome, '' as reason
        from samples s join units u using (dataset, unit)""",
    "shards": """
        select dataset, shard as url, shard_bytes as bytes, shard_sha256 as sha256, kept as records, unit
        from units where shard is not null""",
    "tasks": """
        select task, count(*) as samples, sum(length) as tokens, sum(text_tokens) as text_tokens,
               sum(image_tokens) as image_tokens, sum(speech_tokens) as speech_tokens, sum(loss_tokens) as loss_tokens,
               round(sum(seconds), 1) as seconds, round(avg(length), 1) as mean_length, max(length) as longest
        from samples group by task order by task""",
    "corpora": """
        select corpus, sum(kept) as kept, sum(refused) as refused, sum(failed) as failed, round(sum(seconds), 1) as seconds,
               string_agg(distinct license, ', ') as licenses
        from (
            select r.corpus, 1 as kept, 0 as refused, 0 as failed, r.seconds, r.license
            from records r join units u using (dataset, unit) where u.stage = 'pull'
            union all
            select corpus, 0, (outcome = 'refused')::int, (outcome = 'failed')::int, 0, null
            from quarantine where stage = 'pull'
        ) group by corpus order by corpus""",
    "utterances": f"""
        select dataset, key, corpus, split, kind, sound.role as role, sound.seconds as seconds,
               case sound.role when 'question' then question when 'answer' then answer when 'speech' then text end as text,
               {_of_sound("voice", "answer_voice")} as voice,
               {_of_sound("engine", "coalesce(answer_engine, engine)")} as engine,
               {_of_sound("wer", "answer_wer")} as wer,
               {_of_sound("quality", "answer_quality")} as quality,
               {_of_sound("augmentation", "answer_augmentation")} as augmentation,
               if((question is null) = (sound.role <> 'question'),
                  {_of_sound("words_per_second", "words_per_second")}, null) as words_per_second
        from (select *, unnest(list_filter(members, lambda m: m.sample_rate is not null)) as sound from records)""",
    "voices": """
        select voice, any_value(engine) as engine, count(*) as utterances, round(sum(seconds), 1) as seconds,
               round(avg(wer), 4) as mean_wer, round(avg(quality), 2) as mean_quality
        from utterances where voice is not null group by voice order by voice""",
}

Table = Literal["units", "index", "quarantine"]


@dataclass(frozen=True, slots=True)
class Lineage:
    """A dataset version and, below it, every version it was made from, each once."""

    datasets: tuple[Dataset, ...]


def lineage(dataset: Dataset) -> Lineage:
    """Follow the inputs of a version down to the datasets that came from corpora."""
    found: dict[str, Dataset] = {}

    def visit(current: Dataset) -> None:
        if current.manifest.content_sha256 in found:
            return
        found[current.manifest.content_sha256] = current
        for reference in current.manifest.content.inputs:
            visit(open_input(current, reference))

    visit(dataset)
    return Lineage(tuple(found.values()))


def open_input(dataset: Dataset, reference: str) -> Dataset:
    """Open an input of a version: `name@sha256:...` in the same root, or a whole reference elsewhere."""
    if "/" in reference:
        return open_dataset(reference)
    name, version = reference.split("@")
    return find_version(dataset.store, name, version)


def connect(dataset: Dataset) -> duckdb.DuckDBPyConnection:
    """Open an in-memory DuckDB with the views of `VIEWS`. Close it when done; nothing is copied, parts are read as asked."""
    connection = duckdb.connect(":memory:")
    everything = lineage(dataset).datasets
    media = [d for d in everything if d.manifest.content.layer == "media"]
    tokens = [d for d in everything if d.manifest.content.layer == "tokens"]
    _view(connection, "records", media, "index", RecordIndex)
    _view(connection, "samples", tokens, "index", SampleIndex)
    _view(connection, "units", everything, "units", UnitTable)
    _view(connection, "quarantine", everything, "quarantine", Quarantine)
    for name, sql in SQL.items():
        connection.execute(f"create view {name} as {sql}")
    return connection


def _view(
    connection: duckdb.DuckDBPyConnection, name: str, datasets: Sequence[Dataset], table: Table, model: type[pa.DataFrameModel]
) -> None:
    selects = []
    shown: set[str] = set()
    for number, dataset in enumerate(datasets):
        # Two versions of a dataset may both be below this one; the parts they share are counted once.
        parts = [part for part in dataset.manifest.content.parts if getattr(part, table).url not in shown]
        if not parts:
            continue
        shown.update(getattr(part, table).url for part in parts)
        relation = f"{name}_{number}"
        connection.register(relation, arrow_table(dataset.store, parts, table, model))
        label = dataset.manifest.content.name.replace("'", "''")
        selects.append(f"select *, '{label}' as dataset from {relation}")
    if not selects:
        connection.register(f"{name}_none", arrow_schema(model).empty_table())
        selects = [f"select *, '' as dataset from {name}_none"]
    connection.execute(f"create view {name} as {' union all '.join(selects)}")


def arrow_table(store: Store, parts: Sequence[Part], table: Table, model: type[pa.DataFrameModel]) -> pyarrow.dataset.Dataset:
    """One table of some parts as an Arrow dataset, which pushes columns and filters down to Parquet."""
    filesystem, base = store.arrow()
    files = [f"{base}/{getattr(part, table).url}" for part in parts]
    return pyarrow.dataset.dataset(files, schema=arrow_schema(model), filesystem=filesystem, format="parquet")


def rows(connection: duckdb.DuckDBPyConnection, sql: str, parameters: list[Any] | None = None) -> Iterator[dict[str, Any]]:
    """Run a query and yield its rows as dictionaries, a batch in memory at a time."""
    result = connection.execute(sql, parameters or [])
    names = [column[0] for column in result.description]
    while batch := result.fetchmany(1000):
        for row in batch:
            yield dict(zip(names, row, strict=True))
