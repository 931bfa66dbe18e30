"""Parquet files as Hugging Face `datasets` writes them, with Image and Audio columns: structs of bytes and path."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from omniforge.pipeline.sources.collection import WHOLE_FILE, locate, matching_files, present_media
from omniforge.pipeline.sources.exported import parse_exported, restore
from omniforge.pipeline.sources.refused import Refused, item, refusal
from omniforge.pipeline.sources.source import Container, SourceItem, identity
from omniforge.pipeline.sources.strict_json import parse_json
from omniforge.pipeline.sources.turns import SFT, parse_turns
from omniforge.schemas.exported import AUDIOS, BESIDE, FIELD, IMAGES, MEDIA_COLUMNS, ExportedMedium
from omniforge.schemas.record import Kind, RawMedia, SourceRecord

BATCH_ROWS = 32


@dataclass(frozen=True, slots=True)
class Layout:
    """What a file's columns make of a row: its kind, the media column and that medium's role, and the text columns."""

    kind: Kind
    media: str
    role: str
    texts: tuple[str, ...]
    speaker: str | None

    @property
    def columns(self) -> list[str]:
        """The columns that are read."""
        return [name for name in (self.media, *self.texts, self.speaker) if name is not None]

    @property
    def media_columns(self) -> tuple[str, ...]:
        """Those of them that may name files."""
        return (self.media,)


@dataclass(frozen=True, slots=True)
class ExportedLayout:
    """The columns of a file that this project exported, as far as it has them still."""

    columns: list[str]
    media_columns: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HfParquet:
    """Parquet files of `folder`; "row N" is a row's position from 0.

    A file with the columns `image`, `question` and `answer` holds questions; one with `image` and `caption` captions; one with
    `audio` and `transcript` speech, `speaker` being optional. These fields name the columns. Bytes of null are looked for under
    the path beside them, in the folder of the file. A file that this project exported gives the records that were exported.
    """

    version: ClassVar[str] = "1"
    folder: str = "hf_parquet"
    files: tuple[str, ...] = ("*.parquet",)
    image: str = "image"
    caption: str = "caption"
    question: str = "question"
    answer: str = "answer"
    audio: str = "audio"
    transcript: str = "text"
    speaker: str = "speaker"
    language: str | None = None
    license: str | None = None
    split: str = "train"

    def containers(self, root: Path) -> Iterator[Container]:
        """List the files; see `Source.containers`."""
        for path in matching_files(root, self.folder, self.files):
            file = root / path
            try:
                with _open(file) as parquet:
                    layout = self._layout(file, parquet.schema_arrow)
                    named = set().union(*(_paths(parquet, column) for column in layout.media_columns))
                    media, size = present_media(root, Path(path).parent.as_posix(), named)
                    rows = parquet.metadata.num_rows
            except Refused:
                media, size, rows = [], 0, 1
            yield Container(path=path, identity=identity(root, [path, *media]), records=rows, bytes=file.stat().st_size + size)

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Read a range of rows, a row group at a time and a few rows of it in memory; see `Source.read`."""
        file = root / container
        try:
            parquet = _open(file)
        except Refused as refused:
            yield from [refusal(f"{container}#{WHOLE_FILE}", refused)][start:stop]
            return
        with parquet:
            layout = self._layout(file, parquet.schema_arrow)
            begin = 0
            for group in range(parquet.num_row_groups):
                end = begin + parquet.metadata.row_group(group).num_rows
                number = max(start, begin)
                for row in _rows(parquet, group, layout.columns, number - begin, min(stop, end) - begin):
                    uri = f"{container}#row {number}"
                    yield item(uri, partial(self._record, file.parent, uri, layout, row))
                    number += 1
                begin = end

    def _layout(self, file: Path, schema: pa.Schema) -> Layout | ExportedLayout:
        names = set(schema.names)
        if FIELD in names:
            media = tuple(name for name in (*MEDIA_COLUMNS.values(), IMAGES, AUDIOS) if name in names)
            return ExportedLayout([*media, *(name for name in (*BESIDE, FIELD) if name in names)], media)
        if self.image in names and {self.question, self.answer} <= names:
            return Layout("vqa", self.image, "image", (self.question, self.answer), None)
        if {self.image, self.caption} <= names:
            return Layout("caption", self.image, "image", (self.caption,), None)
        if {self.audio, self.transcript} <= names:
            return Layout("asr", self.audio, "speech", (self.transcript,), self.speaker if self.speaker in names else None)
        raise ValueError(
            f"{file} has the columns {', '.join(schema.names)}: expected {self.image!r} with {self.caption!r}, or with "
            f"{self.question!r} and {self.answer!r}, or {self.audio!r} with {self.transcript!r}"
        )

    def _record(self, folder: Path, uri: str, layout: Layout | ExportedLayout, row: "pa.RecordBatch | Refused") -> SourceRecord:
        if isinstance(row, Refused):
            raise row
        try:
            values: dict[str, object] = row.to_pylist()[0]
        except UnicodeDecodeError as error:
            raise Refused("invalid_utf8", str(error)) from None
        if isinstance(layout, ExportedLayout):
            return _exported(folder, uri, values)
        medium = _medium(folder, values[layout.media], layout.role)
        texts = [_text(layout.kind, place, values[name]) for place, name in enumerate(layout.texts)]
        speaker = values.get(layout.speaker) if layout.speaker else None
        return SourceRecord(
            source_uri=uri,
            kind=layout.kind,
            text=texts[0] if layout.kind != "vqa" else None,
            question=texts[0] if layout.kind == "vqa" else None,
            answer=texts[1] if layout.kind == "vqa" else None,
            media=(medium,),
            language=self.language,
            speaker=None if speaker is None else str(speaker),
            license=self.license,
            split=self.split,
        )


def _open(file: Path) -> pq.ParquetFile:
    """Open a Parquet file; raise `Refused` if it is none. Arrow reports some broken footers as an OSError without a number."""
    try:
        return pq.ParquetFile(file)
    except (pa.ArrowException, OSError) as error:
        if getattr(error, "errno", None) is not None:
            raise
        raise Refused("invalid_parquet", str(error)) from None


def _paths(parquet: pq.ParquetFile, media: str) -> set[str]:
    """Collect the paths beside the bytes; none where they cannot be read, for then neither can the rows."""
    kind = parquet.schema_arrow.field(media).type
    if not pa.types.is_struct(kind) or kind.get_field_index("path") < 0:
        return set()
    paths: set[str] = set()
    try:
        for batch in parquet.iter_batches(columns=[f"{media}.path"]):
            paths.update(path for path in batch.column(0).field("path").to_pylist() if path)
    except (pa.ArrowException, UnicodeDecodeError, OSError):
        return paths
    return paths


def _rows(
    parquet: pq.ParquetFile, group: int, columns: list[str], start: int, stop: int
) -> Iterator["pa.RecordBatch | Refused"]:
    """Yield the rows `start` to `stop - 1` of a row group, each a batch of one; a refusal for each that cannot be decoded."""
    at = 0
    try:
        for batch in parquet.iter_batches(BATCH_ROWS, row_groups=[group], columns=columns) if start < stop else ():
            for place in range(max(start - at, 0), min(stop - at, batch.num_rows)):
                yield batch.slice(place, 1)
            at += batch.num_rows
            if at >= stop:
                return
    except (pa.ArrowException, OSError) as error:
        for _ in range(max(start, at), stop):
            yield Refused("invalid_parquet", f"row group {group}: {error}")


def _exported(folder: Path, uri: str, values: dict[str, object]) -> SourceRecord:
    """Make the record that was exported as a row."""
    shown = {name: text if isinstance(text := values.get(name), str) else None for name in BESIDE}
    exported = parse_exported(values[FIELD], list(shown.values()))
    turns, _ = parse_json((shown["messages"] or "[]").encode())
    messages = parse_turns(turns, SFT)[0] if turns else ()

    def read(listed: ExportedMedium) -> RawMedia:
        cell = values.get(listed.column or "")
        if listed.place is not None:
            cell = cell[listed.place] if isinstance(cell, list) and 0 <= listed.place < len(cell) else None
        return _medium(folder, cell, listed.role)

    return restore(exported, messages, read, uri)


def _medium(folder: Path, value: object, role: str) -> RawMedia:
    if isinstance(value, bytes):
        return RawMedia(role, "", value)
    if value is None:
        raise Refused("missing_media", "the cell is null")
    if not isinstance(value, dict):
        raise Refused("wrong_type", f"the cell is a {type(value).__name__}, not bytes and path")
    data, path = value.get("bytes"), value.get("path")
    name = path if isinstance(path, str) else ""
    if isinstance(data, bytes):
        return RawMedia(role, name, data)
    if not name:
        raise Refused("missing_media", "bytes and path are null")
    return RawMedia(role, name, locate(folder, name).read_bytes())


_ABSENT = {"caption": ("missing_caption",), "vqa": ("missing_question", "missing_answer"), "asr": ("missing_transcript",)}
_EMPTY = {"caption": ("empty_caption",), "vqa": ("empty_question", "missing_answer"), "asr": ("empty_transcript",)}


def _text(kind: Kind, place: int, value: object) -> str:
    if value is None:
        raise Refused(_ABSENT[kind][place])
    if not isinstance(value, str):
        raise Refused("wrong_type", f"the text is a {type(value).__name__}, not a string")
    if not value.strip():
        raise Refused(_EMPTY[kind][place])
    return value
