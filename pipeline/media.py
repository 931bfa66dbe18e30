"""The media layer's shards: records to tar members and index rows, and back."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import polars as pl

from omniforge.pipeline.ledger import commit, counts_of
from omniforge.pipeline.plan import Unit
from omniforge.pipeline.shards import TarMember, span_of, write_tar
from omniforge.pipeline.storage import StorageError, Store
from omniforge.schemas.index import MEASURES, RecordIndex
from omniforge.schemas.ledger import LedgerEntry
from omniforge.schemas.quarantine import Quarantine
from omniforge.schemas.record import EVIDENCE_BYTES, MediaFile, Message, Record, Refusal
from omniforge.schemas.table import RowFailure, polars_schema, split_failures

Outcome = Record | Refusal


def commit_records(store: Store, unit: Unit, outcomes: Sequence[Outcome]) -> LedgerEntry:
    """Write the shard, index and quarantine of a unit of the media layer and commit it.

    A record whose index row breaks its contract is refused with the column, the check and the value, before the shard is made,
    and so is one that cannot be written as JSON.
    """
    writable = [outcome if isinstance(outcome, Refusal) else _unwritable(outcome) or outcome for outcome in outcomes]
    records = [outcome for outcome in writable if isinstance(outcome, Record)]
    refusals = [outcome for outcome in writable if isinstance(outcome, Refusal)]
    rows = pl.DataFrame([_index_row(record, unit) for record in records], schema=polars_schema(RecordIndex), orient="row")
    good, failures = split_failures(RecordIndex, rows)
    broken = {failure.row: failure for failure in failures}
    refusals += [schema_refusal(records[row], failure) for row, failure in broken.items()]
    kept = [record for row, record in enumerate(records) if row not in broken]
    files = [_tar_files(record) for record in kept]
    shard, members = write_tar(file for group in files for file in group)
    lying = iter(members)
    listed = [_members(record, group, [next(lying) for _ in group]) for record, group in zip(kept, files, strict=True)]
    good = good.with_columns(pl.Series("members", listed, dtype=good.schema["members"]))
    quarantine = quarantine_frame(refusals, unit)
    return commit(
        store,
        unit,
        shard=shard if kept else None,
        index=good,
        quarantine=quarantine,
        counts=counts_of(len(outcomes), len(kept), quarantine),
    )


def schema_refusal(record: Record, failure: RowFailure, task: str = "") -> Refusal:
    """Refuse a record because a row that was made of it breaks its contract."""
    detail = f"{failure.column}: {failure.check}: {failure.value}"
    return Refusal(source_uri=record.source_uri, key=record.key, reason="schema", detail=detail, task=task)


def _unwritable(record: Record) -> Refusal | None:
    """Refuse what JSON or UTF-8 cannot hold: a lone surrogate (of a file name, say), a number that is not finite."""
    try:
        _document(record)
    except UnicodeEncodeError as error:
        return Refusal(source_uri=record.source_uri, key=record.key, reason="invalid_unicode", detail=str(error))
    except ValueError:
        column, value = next((name, v) for name, v in record.measures.items() if v != v or v in (float("inf"), float("-inf")))
        return schema_refusal(record, RowFailure(0, column, "finite", str(value)))
    return None


def quarantine_frame(refusals: Iterable[Refusal], unit: Unit) -> pl.DataFrame:
    """Make the quarantine table of a unit; its own rows keep their contract or the job stops."""
    rows = [
        {
            "key": refusal.key,
            "corpus": unit.corpus,
            "source_uri": _writable(refusal.source_uri),
            "stage": unit.stage,
            "task": refusal.task,
            "outcome": refusal.outcome,
            "reason": refusal.reason,
            "detail": _writable(refusal.detail)[:2000],
            "retryable": refusal.retryable,
            "evidence": refusal.evidence[:EVIDENCE_BYTES],
        }
        for refusal in refusals
    ]
    frame = pl.DataFrame(rows, schema=polars_schema(Quarantine), orient="row")
    Quarantine.validate(frame, lazy=True)
    return frame


def record_from_row(row: dict[str, Any]) -> Record:
    """Read a record's fields back from its index row; its media are left out (see `read_media`)."""
    return Record(
        **{name: row[name] for name in RECORD_COLUMNS},
        messages=tuple(Message(**message) for message in json.loads(row["messages"] or "[]")),
        parents=tuple(row["parents"]),
        repairs=tuple(row["repairs"]),
        # An index that an earlier version wrote lacks what later ones measure.
        measures={name: row[name] for name in MEASURES if row.get(name) is not None},
    )


RECORD_COLUMNS = (
    "key",
    "corpus",
    "revision",
    "split",
    "kind",
    "text",
    "question",
    "answer",
    "language",
    "speaker",
    "license",
    "source_uri",
)


FILE_COLUMNS = ("role", "format", "width", "height", "sample_rate", "seconds", "channels")


def read_media(store: Store, row: dict[str, Any], roles: Sequence[str] | None = None) -> tuple[MediaFile, ...]:
    """Fetch a record's media by one range read of its shard; `roles` restricts which.

    Raises:
        StorageError: the bytes are not those that the index names.
    """
    wanted = [m for m in row["members"] if m["role"] != "json" and (roles is None or m["role"] in roles)]
    if not wanted:
        return ()
    start, data = _read_span(store, row["shard"], wanted)
    return _media_in(store, row, wanted, start, data)


GAP = 1_000_000
"""Bytes between two records that are read and thrown away rather than asked for apart: a request costs more than they do."""


def read_records(store: Store, rows: Sequence[dict[str, Any]]) -> Iterator[Record]:
    """Read whole records of one shard, neighbours in one range read; their measures are all that were taken.

    Raises:
        StorageError: the shard is absent, or its bytes are not those that the index names.
    """
    for run in _runs(rows):
        start, data = _read_span(store, run[0]["shard"], [member for row in run for member in row["members"]])
        for row in run:
            document = next(m for m in row["members"] if m["role"] == "json")
            measures = json.loads(_cut(store, row, start, data, document))["measures"]
            wanted = [m for m in row["members"] if m["role"] != "json"]
            yield replace(record_from_row(row), media=_media_in(store, row, wanted, start, data), measures=measures)


def _runs(rows: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Part rows into runs of such as follow each other in the shard with less than `GAP` between."""
    run: list[dict[str, Any]] = []
    end = 0
    for row in rows:
        start, stop = _span(row["members"])
        if run and not 0 <= start - end < GAP:
            yield run
            run = []
        run.append(row)
        end = stop
    if run:
        yield run


def _span(members: Sequence[dict[str, Any]]) -> tuple[int, int]:
    return span_of(TarMember(m["name"], m["offset"], m["size"]) for m in members)


def _read_span(store: Store, shard: str, members: Sequence[dict[str, Any]]) -> tuple[int, bytes]:
    start, stop = _span(members)
    return start, store.read(shard, start, stop - start)


def _media_in(
    store: Store, row: dict[str, Any], wanted: Sequence[dict[str, Any]], start: int, data: bytes
) -> tuple[MediaFile, ...]:
    return tuple(MediaFile(data=_cut(store, row, start, data, m), **{name: m[name] for name in FILE_COLUMNS}) for m in wanted)


def _cut(store: Store, row: dict[str, Any], start: int, data: bytes, member: dict[str, Any]) -> bytes:
    """Cut a member out of bytes that begin at `start` of the shard, and hold it against its hash."""
    payload = data[member["offset"] - start : member["offset"] - start + member["size"]]
    # An index that an earlier version wrote has no hash of the JSON.
    if member["sha256"] is not None and hashlib.sha256(payload).hexdigest() != member["sha256"]:
        raise StorageError(f"{store.root}/{row['shard']}: {member['name']} has other bytes than its index names; restore it")
    return payload


def read_record(store: Store, row: dict[str, Any], roles: Sequence[str] | None = None) -> Record:
    """Read a record and its media back from its index row and its shard."""
    return replace(record_from_row(row), media=read_media(store, row, roles))


def _index_row(record: Record, unit: Unit) -> dict[str, Any]:
    spoken = [media for media in record.media if media.format == "flac"]
    return {
        **{name: getattr(record, name) for name in RECORD_COLUMNS},
        "messages": json.dumps([_message(m) for m in record.messages], ensure_ascii=False) if record.messages else None,
        "parents": list(record.parents),
        "repairs": list(record.repairs),
        "pictures": len(record.media) - len(spoken),
        "seconds": round(sum(media.seconds or 0.0 for media in spoken), 6),
        **{name: record.measures.get(name) for name in MEASURES},
        "unit": unit.id,
        "shard": "",
        "members": [],
    }


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _tar_files(record: Record) -> list[tuple[str, bytes]]:
    """Name a record's members; the JSON comes first, so that a reader knows the record before its media."""
    return [
        (f"{record.key}.json", _document(record)),
        *((f"{record.key}.{media.role}.{media.format}", media.data) for media in record.media),
    ]


def _document(record: Record) -> bytes:
    document = {
        **{name: getattr(record, name) for name in RECORD_COLUMNS},
        "messages": [_message(message) for message in record.messages],
        "parents": list(record.parents),
        "repairs": list(record.repairs),
        "measures": record.measures,
        "media": {
            media.role: {"format": media.format, "sha256": media.sha256, "seconds": media.seconds, "width": media.width}
            for media in record.media
        },
    }
    return json.dumps(document, ensure_ascii=False, sort_keys=True, allow_nan=False).encode()


def _members(record: Record, files: Sequence[tuple[str, bytes]], members: Sequence[TarMember]) -> list[dict[str, Any]]:
    """Say of each file of a record where it lies, what its hash is, and what it is."""
    kinds = [
        {"role": "json", "format": "json"},
        *({name: getattr(file, name) for name in FILE_COLUMNS} for file in record.media),
    ]
    return [
        {"name": member.name, "offset": member.offset, "size": member.size, "sha256": hashlib.sha256(data).hexdigest(), **kind}
        for (_, data), member, kind in zip(files, members, kinds, strict=True)
    ]


def _writable(text: str) -> str:
    return text.encode("utf-8", "backslashreplace").decode()
