"""LibriSpeech: SPEAKER/CHAPTER/*.flac with a *.trans.txt in each chapter (openslr.org/12)."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import ClassVar

from omniforge.pipeline.sources.collection import medium, require_folder
from omniforge.pipeline.sources.lines import index_lines, read_lines
from omniforge.pipeline.sources.refused import Refused, item
from omniforge.pipeline.sources.source import Container, SourceItem, identity
from omniforge.pipeline.sources.strict_json import decode
from omniforge.schemas.record import SourceRecord

TRANSCRIPTS = "*.trans.txt"
RECORDING = ".flac"


@dataclass(frozen=True, slots=True, kw_only=True)
class LibriSpeech:
    """All chapters below `folder`: a record for each line of a transcript file, and for each recording without a line.

    A line names its recording, which is the record's name; an id that repeats in a file gets `@` and the line's position (from
    0). A recording without a line is a container of its own.
    """

    version: ClassVar[str] = "1"
    folder: str = "librispeech"
    language: str | None = "en"
    license: str | None = "CC-BY-4.0"
    split: str = "train"

    def containers(self, root: Path) -> Iterator[Container]:
        """List transcript files and, after those of a chapter, the recordings without a line; see `Source.containers`."""
        base = require_folder(root, self.folder)
        chapters = sorted({file.parent for pattern in (TRANSCRIPTS, f"*{RECORDING}") for file in base.rglob(pattern)})
        if not chapters:
            raise ValueError(f"no {TRANSCRIPTS} and no *{RECORDING} below folder {self.folder!r} of the collection {root}")
        for chapter in chapters:
            recordings = {file.stem: file for file in sorted(chapter.glob(f"*{RECORDING}")) if file.is_file()}
            named: set[str] = set()
            for transcripts in sorted(chapter.glob(TRANSCRIPTS)):
                ids = [utterance for utterance, _ in _lines(transcripts)]
                named.update(ids)
                yield _container(
                    root, transcripts, [recordings[name] for name in sorted(set(ids)) if name in recordings], len(ids)
                )
            for name, file in recordings.items():
                if name not in named:
                    yield _container(root, file, [], 1)

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Read a range of lines; see `Source.read`."""
        file = root / container
        if file.suffix.lower() == RECORDING:
            for _ in range(start, stop):
                yield item(f"{container}#{file.stem}", _no_transcript)
            return
        lines = list(_lines(file))
        first: dict[str, int] = {}
        for number, (utterance, _) in enumerate(lines):
            first.setdefault(utterance, number)
        for number in range(start, stop):
            utterance, line = lines[number]
            earlier = first[utterance]
            uri = f"{container}#{utterance}" if earlier == number else f"{container}#{utterance}@{number}"
            again = lines[earlier][1] if earlier != number else None
            yield item(uri, partial(self._record, file.parent, uri, utterance, line, again), line)

    def _record(self, chapter: Path, uri: str, utterance: str, line: bytes, earlier: bytes | None) -> SourceRecord:
        if earlier is not None:
            same = earlier.split() == line.split()
            raise Refused("duplicate_record" if same else "duplicate_id", f"{utterance} has a line already")
        text = decode(line.strip())[len(utterance) :].strip()
        recording = medium(chapter, utterance + RECORDING, "speech")
        if not text:
            raise Refused("empty_transcript")
        return SourceRecord(
            source_uri=uri,
            kind="asr",
            text=text,
            media=(recording,),
            language=self.language,
            speaker=utterance.partition("-")[0],
            license=self.license,
            split=self.split,
        )


def _no_transcript() -> SourceRecord:
    raise Refused("missing_transcript", "no line of the chapter's transcripts names the recording")


def _lines(transcripts: Path) -> Iterator[tuple[str, bytes]]:
    """Yield utterance id and line; blank lines are no lines."""
    index = index_lines(transcripts, skip_blank=True)
    for _, line in read_lines(transcripts, index, 0, len(index)):
        yield line.split()[0].decode("utf-8", "backslashreplace"), line


def _container(root: Path, file: Path, recordings: list[Path], records: int) -> Container:
    path, *media = (part.relative_to(root).as_posix() for part in (file, *recordings))
    size = sum(part.stat().st_size for part in (file, *recordings))
    return Container(path=path, identity=identity(root, [path, *media]), records=records, bytes=size)
