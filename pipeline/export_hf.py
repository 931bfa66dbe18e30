"""Export as a Hugging Face data set: Parquet files with Image and Audio columns, a file or more for each split."""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from omniforge.pipeline.export import Format, Left, PlannedFile, Selection, Written
from omniforge.pipeline.export_card import hf_card
from omniforge.pipeline.export_record import carried
from omniforge.pipeline.reference import Dataset
from omniforge.schemas.exported import AUDIOS, BESIDE, FIELD, IMAGES, MEDIA_COLUMNS, ExportedMedium
from omniforge.schemas.index import MEASURES, RecordIndex
from omniforge.schemas.record import MediaFile, Record
from omniforge.schemas.table import arrow_schema

GROUP_BYTES = 32 * 2**20
GROUP_ROWS = 256
"""A row group is what a reader loads to show one row, and what this writer holds in memory."""

_MEDIUM = pa.struct({"bytes": pa.binary(), "path": pa.string()})


@dataclass(frozen=True, slots=True, kw_only=True)
class HuggingFace:
    """Files of about `file_bytes` bytes of media. Every record of a media dataset has a row in this form."""

    format: ClassVar[Format] = "hf"
    stream: ClassVar[str] = "''"
    file_bytes: int = 500 * 10**6

    def per_file(self, records: int, size: int) -> int:
        """See `Writer.per_file`."""
        files = max(1, -(-size // self.file_bytes))
        return -(-records // files)

    def path(self, planned: PlannedFile) -> str:
        """See `Writer.path`."""
        return f"data/{planned.stem}.parquet"

    def write(self, file: BinaryIO, folder: Path, planned: PlannedFile, records: Iterator[Record]) -> list[Left]:
        """See `Writer.write`; no record is left out."""
        table = schema()
        plain = [name for name in table.names if name not in (*MEDIA_COLUMNS.values(), IMAGES, AUDIOS, FIELD)]
        group: list[dict[str, Any]] = []
        held = 0
        with pq.ParquetWriter(file, table, use_dictionary=plain) as writer:
            for record in records:
                group.append(row(record))
                held += sum(len(media.data) for media in record.media)
                if held >= GROUP_BYTES or len(group) >= GROUP_ROWS:
                    writer.write_table(pa.Table.from_pylist(group, table))
                    group, held = [], 0
            if group:
                writer.write_table(pa.Table.from_pylist(group, table))
        return []

    def card(self, dataset: Dataset, selection: Selection, licenses: list[tuple[str, str, int]], written: Written) -> str:
        """See `Writer.card`."""
        return hf_card(dataset, selection, licenses, written)


def schema() -> pa.Schema:
    """Columns, and beside them the features by which `datasets` knows an Image and an Audio column.

    Audio columns give bytes (`decode=False`): they can be read where torchcodec is absent, and decode when cast to `Audio()`.
    """
    index = arrow_schema(RecordIndex)
    texts = ("key", "kind", "split", "text", "question", "answer", "messages", "language", "speaker", "license", "corpus")
    columns: list[tuple[str, pa.DataType, dict[str, Any]]] = [(name, pa.string(), _value("string")) for name in texts]
    columns += [(column, _MEDIUM, _feature(column)) for column in MEDIA_COLUMNS.values()]
    columns += [(many, pa.list_(_MEDIUM), {"feature": _feature(many), "_type": "List"}) for many in (IMAGES, AUDIOS)]
    for name in MEASURES:
        number = pa.types.is_floating(index.field(name).type)
        columns.append((name, pa.float64(), _value("float64")) if number else (name, pa.string(), _value("string")))
    columns.append(("source_uri", pa.string(), _value("string")))
    for name in ("parents", "repairs"):
        columns.append((name, pa.list_(pa.string()), {"feature": _value("string"), "_type": "List"}))
    columns.append((FIELD, pa.string(), _value("string")))
    features = {name: feature for name, _, feature in columns}
    told = json.dumps({"info": {"features": features}})
    return pa.schema([(name, kind) for name, kind, _ in columns], metadata={"huggingface": told})


def _value(dtype: str) -> dict[str, Any]:
    return {"dtype": dtype, "_type": "Value"}


def _feature(column: str) -> dict[str, Any]:
    return {"_type": "Image"} if "image" in column else {"decode": False, "_type": "Audio"}


def row(record: Record) -> dict[str, Any]:
    """Return a record as a row of `schema`; a first medium of its kind has a column, further ones a place in a list."""
    values: dict[str, Any] = {
        "key": record.key,
        "kind": record.kind,
        **{name: getattr(record, name) for name in ("split", "text", "question", "answer", "language", "speaker", "license")},
        **{name: getattr(record, name) for name in ("corpus", "source_uri")},
        "messages": json.dumps([asdict(turn) for turn in record.messages], ensure_ascii=False) if record.messages else None,
        "parents": list(record.parents),
        "repairs": list(record.repairs),
        **{name: record.measures.get(name) for name in MEASURES},
        IMAGES: [],
        AUDIOS: [],
    }
    media = []
    for file in record.media:
        column = MEDIA_COLUMNS.get(file.role)
        if column is not None:
            values[column] = _cell(record, file)
            media.append(ExportedMedium(role=file.role, sha256=file.sha256, column=column))
        else:
            column = AUDIOS if file.format == "flac" else IMAGES
            media.append(ExportedMedium(role=file.role, sha256=file.sha256, column=column, place=len(values[column])))
            values[column].append(_cell(record, file))
    return {**values, FIELD: carried(record, media, [values[name] for name in BESIDE])}


def _cell(record: Record, file: MediaFile) -> dict[str, Any]:
    return {"bytes": file.data, "path": f"{record.key}-{file.role}.{file.format}"}
