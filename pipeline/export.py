"""Export a media dataset as files that others read: planned from the index, each written whole or not at all."""

import json
import os
import re
import secrets
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import Any, BinaryIO, Literal, Protocol

import duckdb

from omniforge.pipeline.catalog import connect, rows
from omniforge.pipeline.media import read_records
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import LocalStore
from omniforge.pipeline.tasks import TASKS_OF_KIND
from omniforge.schemas.record import KINDS, Message, Record
from omniforge.tokenizers.chat import classify

MARKER = "export.json"
"""The file that tells an export's folder from others: what is exported, and whether it is all there."""

WRITING = ".writing-"
SPLIT = re.compile(r"\w+(\.\w+)*")
OWN_TASK = "task_of_turns(messages)"
"""SQL: the task of a record that has turns of its own, which is what they are, whatever its kind; null of another record."""

TASKS = ("chat", *dict.fromkeys(task for tasks in TASKS_OF_KIND.values() for task in tasks))

Format = Literal["jsonl", "hf"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Which records of a dataset: of one task (all if None), of one split (all if None), and for which a condition holds."""

    task: str | None = None
    split: str | None = None
    where: str | None = None

    def __post_init__(self) -> None:
        if self.task is not None and self.task not in TASKS:
            raise ValueError(f"no task {self.task!r}: there are {', '.join(TASKS)}")


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file to be: `number` of the `of` files of a stream (records of one form) and split, for the next `records` records."""

    stream: str
    split: str
    number: int
    of: int
    records: int

    @property
    def stem(self) -> str:
        """The numbering that `datasets` recognises: `train-00000-of-00003`, the stream's name before it if it has one."""
        numbered = f"{self.split}-{self.number:05d}-of-{self.of:05d}"
        return f"{self.stream}-{numbered}" if self.stream else numbered


@dataclass(frozen=True, slots=True)
class Left:
    """A record that the format cannot hold, and why: a code of `schemas.quarantine.REASONS`."""

    key: str
    source_uri: str
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Written:
    """What an export comes to: its files, the records in them, those left out by reason."""

    files: tuple[str, ...]
    records: int
    left: dict[str, int]


class Writer(Protocol):
    """A format: how records are cut into files, and how one file is written."""

    @property
    def format(self) -> Format:
        """Its name."""
        ...

    @property
    def stream(self) -> str:
        """SQL over `records`: the name of the stream of a record."""
        ...

    def per_file(self, records: int, size: int) -> int:
        """How many records of a stream of `records`, `size` bytes of media together, go into one file."""
        ...

    def path(self, planned: PlannedFile) -> str:
        """Where the file goes, relative to the export's folder."""
        ...

    def write(self, file: BinaryIO, folder: Path, planned: PlannedFile, records: Iterator[Record]) -> list[Left]:
        """Write the file, and what belongs to it into `folder`, from records that are read as they are asked for.

        Returns the records that the format cannot hold.
        """
        ...

    def card(self, dataset: Dataset, selection: Selection, licenses: list[tuple[str, str, int]], written: Written) -> str:
        """The text of the README.md; `licenses` are corpus, licence and number of records."""
        ...


def export(dataset: Dataset, writer: Writer, folder: Path, selection: Selection) -> Written:
    """Write the records of a media dataset into `folder`; an export that was interrupted goes on behind its last whole file.

    Raises:
        ValueError: the dataset is not of the media layer, the folder holds something else, the condition is no SQL, a split
            cannot name a file, or nothing is selected.
        StorageError: a shard is absent or has other bytes than its index names.
    """
    if dataset.manifest.content.layer != "media":
        raise ValueError(
            f"{dataset.reference} is a token dataset; records are exported from the media datasets below it: "
            f"{', '.join(dataset.manifest.content.inputs) or 'none'}"
        )
    identity = {
        "dataset": dataset.manifest.reference,
        "content_sha256": dataset.manifest.content_sha256,
        "format": writer.format,
        **asdict(selection),
    }
    connection = connect(dataset)
    try:
        _select(connection, dataset, writer, selection)
        planned = list(_plan(connection, writer))
        _claim(folder, identity)
        ordered = rows(connection, 'select * from selected order by stream, split, shard, members[1]."offset"')
        for file in planned:
            _write(dataset, writer, folder, file, islice(ordered, file.records))
        written = _written(writer, folder, planned)
        sql = "select corpus, coalesce(license, ''), count(*) from selected group by all order by all"
        licenses = connection.execute(sql).fetchall()
    except duckdb.Error as error:
        what = dataset.reference if selection.where is None else f"the condition {selection.where!r}"
        raise ValueError(f"{what}: {error}") from None
    finally:
        connection.close()
    LocalStore(str(folder)).write("README.md", writer.card(dataset, selection, licenses, written).encode())
    _write_marker(folder, identity, complete=True)
    return written


def _select(connection: duckdb.DuckDBPyConnection, dataset: Dataset, writer: Writer, selection: Selection) -> None:
    """Make the view `selected` of this dataset's own records; what it was made from is in the same view and left out.

    The condition is a filter of DuckDB's upon what is selected already, never text inside a query: it can only narrow.
    """
    connection.create_function("task_of_turns", _task_of_turns, ["VARCHAR"], "VARCHAR")
    conditions = [f"dataset = {_literal(dataset.manifest.content.name)}"]
    if selection.task is not None:
        kinds = [kind for kind in KINDS if selection.task in TASKS_OF_KIND.get(kind, ("chat",))]
        of_kind = f"kind in ({', '.join(map(_literal, kinds))})"
        conditions.append(f"if(messages is null, {of_kind}, {OWN_TASK} = {_literal(selection.task)})")
    if selection.split is not None:
        conditions.append(f"split = {_literal(selection.split)}")
    own = f"select *, {writer.stream} as stream from records where {' and '.join(conditions)}"
    connection.execute(f"create view candidates as {own}")
    chosen = connection.view("candidates")
    if selection.where is not None:
        chosen = chosen.filter(selection.where)
    chosen.create_view("selected")


def _task_of_turns(messages: str) -> str:
    return classify([Message(**message) for message in json.loads(messages)])


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _plan(connection: duckdb.DuckDBPyConnection, writer: Writer) -> Iterator[PlannedFile]:
    sql = """
        select stream, split, count(*), sum(list_sum(list_transform(members, lambda m: m.size)))
        from selected group by stream, split order by stream, split"""
    streams = connection.execute(sql).fetchall()
    if not streams:
        raise ValueError("no record is selected; ask `omniforge stats` for the tasks and splits there are")
    for stream, split, records, size in streams:
        if not SPLIT.fullmatch(split):
            raise ValueError(f"the split {split!r} cannot name a file: letters, digits and underscores can")
        each = max(1, writer.per_file(records, size))
        files = -(-records // each)
        for number in range(files):
            yield PlannedFile(stream, split, number, files, min(each, records - number * each))


def _claim(folder: Path, identity: dict[str, Any]) -> None:
    """Begin an export in an empty folder, or go on with the same one; anything else there is left alone."""
    marker = folder / MARKER
    folder.mkdir(parents=True, exist_ok=True)
    there = [path.name for path in folder.iterdir() if not path.name.startswith(WRITING)]
    if not there:
        _write_marker(folder, identity, complete=False)
        return
    if MARKER not in there:
        raise ValueError(f"{folder} holds files and is no export ({sorted(there)[0]!r}, ...); name a new or an empty folder")
    try:
        begun = json.loads(marker.read_text(encoding="utf-8"))
        differing = [name for name, value in identity.items() if begun[name] != value]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{marker} cannot be read ({type(error).__name__}: {error}); name a new or an empty folder") from None
    if differing:
        told = ", ".join(f"{name} {begun[name]!r}, not {identity[name]!r}" for name in differing)
        raise ValueError(f"{folder} holds another export ({told}); name a new or an empty folder")
    for half in folder.rglob(f"{WRITING}*"):
        half.unlink()


def _write_marker(folder: Path, identity: dict[str, Any], *, complete: bool) -> None:
    told = json.dumps({**identity, "complete": complete}, indent=1, ensure_ascii=False)
    LocalStore(str(folder)).write(MARKER, told.encode())


def _write(
    dataset: Dataset, writer: Writer, folder: Path, planned: PlannedFile, planned_rows: Iterator[dict[str, Any]]
) -> None:
    """Write one file, and before it appears what it leaves out; one that is there already only uses up its rows."""
    path = folder / writer.path(planned)
    if path.exists():
        for _ in planned_rows:
            pass
        return
    shards = groupby(planned_rows, lambda row: row["shard"])
    records = (record for _, of_shard in shards for record in read_records(dataset.store, list(of_shard)))
    temporary = folder / f"{WRITING}{secrets.token_hex(8)}"
    try:
        with temporary.open("xb") as file:
            left = writer.write(file, folder, planned, records)
            file.flush()
            os.fsync(file.fileno())
        if left:
            lines = (json.dumps(asdict(record), ensure_ascii=False) for record in left)
            LocalStore(str(folder)).write(_left_path(planned), "\n".join((*lines, "")).encode())
        if len(left) < planned.records:
            path.parent.mkdir(parents=True, exist_ok=True)
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _left_path(planned: PlannedFile) -> str:
    return f"left_out/{planned.stem}.jsonl"


def _written(writer: Writer, folder: Path, planned: list[PlannedFile]) -> Written:
    left: Counter[str] = Counter()
    for path in (folder / _left_path(file) for file in planned):
        if path.exists():
            left.update(json.loads(line)["reason"] for line in path.read_text(encoding="utf-8").split("\n") if line)
    files = tuple(name for file in planned if (folder / (name := writer.path(file))).exists())
    return Written(files, sum(file.records for file in planned) - left.total(), dict(left.most_common()))
