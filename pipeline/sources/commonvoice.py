"""Mozilla Common Voice: a folder of clips and a table of what is said in them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

from omniforge.pipeline.sources.collection import Stamp, join, medium, present_media, require_file, require_folder, stamp
from omniforge.pipeline.sources.lines import index_lines, read_lines
from omniforge.pipeline.sources.refused import Refused, item
from omniforge.pipeline.sources.source import Container, SourceItem, identity
from omniforge.pipeline.sources.tsv import header, row
from omniforge.schemas.record import SourceRecord

PATH = "path"
SENTENCE = "sentence"


@dataclass(frozen=True, slots=True, kw_only=True)
class CommonVoice:
    """One table of `folder` and its clips: a record for each row, and for each clip without a row.

    A row's record is "row N PATH", N being the line of the file with the header as line 1; a clip without a row is a record of
    the clips' folder, named by its file. Language is the row's `locale`, if it has one.
    """

    version: ClassVar[str] = "1"
    folder: str = "commonvoice"
    table: str = "validated.tsv"
    clips: str = "clips"
    language: str | None = "en"
    license: str | None = "CC0-1.0"
    split: str = "train"

    def containers(self, root: Path) -> Iterator[Container]:
        """List the table and, if clips are left over, their folder; see `Source.containers`."""
        path, clips = join(self.folder, self.table), join(self.folder, self.clips)
        file = require_file(root, path)
        require_folder(root, clips)
        named = _named(file, stamp(file))
        media, size = present_media(root, clips, named)
        records = len(index_lines(file, skip_blank=False)) - 1
        yield Container(path=path, identity=identity(root, [path, *media]), records=records, bytes=file.stat().st_size + size)
        orphans = [join(clips, name) for name in self._orphans(root)]
        if orphans:
            total = sum((root / name).stat().st_size for name in orphans)
            yield Container(path=clips, identity=identity(root, orphans), records=len(orphans), bytes=total)

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Read a range of rows, or of clips without a row; see `Source.read`."""
        if container == join(self.folder, self.clips):
            for name in self._orphans(root)[start:stop]:
                yield item(f"{container}#{name}", _no_row)
            return
        file = root / container
        columns = header(file, (PATH, SENTENCE))
        index = index_lines(file, skip_blank=False)
        for number, line in read_lines(file, index, start + 1, stop + 1):
            name = _path(line, columns).decode("utf-8", "backslashreplace")
            uri = f"{container}#row {number + 1} {name}".rstrip(" ")
            yield item(uri, partial(self._record, root, uri, line, columns, index.repeats.get(number)), line)

    def _record(self, root: Path, uri: str, line: bytes, columns: tuple[str, ...], earlier: int | None) -> SourceRecord:
        if earlier is not None and line.strip():
            raise Refused("duplicate_record", f"the same as row {earlier + 1}")
        cells = row(line, columns)
        clip = medium(root / self.folder / self.clips, cells[PATH], "speech")
        if not cells[SENTENCE].strip():
            raise Refused("empty_transcript")
        up, down = (cells.get(name, "") for name in ("up_votes", "down_votes"))
        if up.isascii() and up.isdigit() and down.isascii() and down.isdigit() and 0 < int(down) >= int(up):
            raise Refused("outvoted", f"{up} for and {down} against")
        return SourceRecord(
            source_uri=uri,
            kind="asr",
            text=cells[SENTENCE],
            media=(clip,),
            language=cells.get("locale") or self.language,
            speaker=cells.get("client_id") or None,
            license=self.license,
            split=self.split,
        )

    def _orphans(self, root: Path) -> tuple[str, ...]:
        table = root / self.folder / self.table
        clips = root / self.folder / self.clips
        return _without_row(clips, clips.stat().st_mtime_ns, table, stamp(table))


def _no_row() -> SourceRecord:
    raise Refused("missing_transcript", "no row of the table names the clip")


def _path(line: bytes, columns: tuple[str, ...]) -> bytes:
    """Return the cell that names the clip, also of a row with too few or too many cells."""
    cells = line.split(b"\t")
    place = columns.index(PATH)
    return cells[place] if place < len(cells) else b""


@lru_cache(maxsize=2)
def _named(table: Path, _stamp: Stamp) -> frozenset[str]:
    columns = header(table, (PATH, SENTENCE))
    index = index_lines(table, skip_blank=False)
    return frozenset(_path(line, columns).decode("utf-8", "replace") for _, line in read_lines(table, index, 1, len(index)))


@lru_cache(maxsize=2)
def _without_row(clips: Path, _changed: int, table: Path, table_stamp: Stamp) -> tuple[str, ...]:
    named = _named(table, table_stamp)
    return tuple(sorted(file.name for file in clips.iterdir() if file.is_file() and file.name not in named))
