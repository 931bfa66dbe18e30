"""Lists of prompts: a column of a TSV file, or each line of a text file."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from omniforge.pipeline.sources.collection import matching_files
from omniforge.pipeline.sources.lines import index_lines, read_lines
from omniforge.pipeline.sources.refused import Refused, item
from omniforge.pipeline.sources.source import Container, SourceItem, identity
from omniforge.pipeline.sources.strict_json import decode
from omniforge.pipeline.sources.tsv import header, row
from omniforge.schemas.record import SourceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompts:
    """Prompt files of `folder`.

    In a `.tsv` file "row N" is line N of the file, the header being line 1, and the prompt is in `column`; in any other file
    "line N" is a prompt.
    """

    version: ClassVar[str] = "1"
    folder: str = "prompts"
    files: tuple[str, ...] = ("*.tsv", "*.txt")
    column: str = "Prompt"
    language: str | None = None
    license: str | None = None
    split: str = "train"

    def containers(self, root: Path) -> Iterator[Container]:
        """List the files; see `Source.containers`."""
        for path in matching_files(root, self.folder, self.files):
            file = root / path
            header_lines = len(self._header(file)[:1])
            records = len(index_lines(file, skip_blank=False)) - header_lines
            yield Container(path=path, identity=identity(root, [path]), records=records, bytes=file.stat().st_size)

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Read a range of prompts; see `Source.read`."""
        file = root / container
        index = index_lines(file, skip_blank=False)
        columns = self._header(file)
        skip, word = (1, "row") if columns else (0, "line")
        for number, line in read_lines(file, index, start + skip, stop + skip):
            uri = f"{container}#{word} {number + 1}"
            yield item(uri, partial(self._record, uri, line, columns, word, index.repeats.get(number)), line)

    def _header(self, file: Path) -> tuple[str, ...]:
        return header(file, (self.column,)) if file.suffix.lower() == ".tsv" else ()

    def _record(self, uri: str, line: bytes, columns: tuple[str, ...], word: str, earlier: int | None) -> SourceRecord:
        if earlier is not None:
            raise Refused("duplicate_record", f"the same as {word} {earlier + 1}")
        text = row(line, columns)[self.column] if columns else decode(line)
        if not text.strip():
            raise Refused("empty_prompt")
        return SourceRecord(
            source_uri=uri, kind="prompt", text=text, language=self.language, license=self.license, split=self.split
        )
