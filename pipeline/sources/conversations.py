"""Conversations as the reference trains from them: JSON lines of messages, images and audios.

The format is described in the parity fixtures (sft_jsonl/FACTS.md): media are placed by the tags `<|image|>` and `<|audio|>`,
the k-th tag means the k-th path of its list. `messages` are always kept as they are, so that nothing of what a line means is
lost. A line that this project exported has one field more, and is read back as the record it was (`exported.py`).
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

from omniforge.pipeline.sources.collection import Stamp, matching_files, medium, present_media, require_folder, stamp
from omniforge.pipeline.sources.exported import parse_exported, restore
from omniforge.pipeline.sources.lines import LineIndex, index_lines, read_lines
from omniforge.pipeline.sources.refused import Refused, item
from omniforge.pipeline.sources.shapes import Shape, shape
from omniforge.pipeline.sources.source import Container, SourceItem, identity
from omniforge.pipeline.sources.strict_json import parse_json, require_unicode, require_unique_keys
from omniforge.pipeline.sources.turns import SFT, parse_turns, require_tags
from omniforge.schemas.exported import FIELD, ExportedMedium, ExportedRecord
from omniforge.schemas.record import Message, RawMedia, SourceRecord


@dataclass(frozen=True, slots=True)
class Conversation:
    """One line, understood: its messages, what shape they have, and the paths of its media in tag order."""

    messages: tuple[Message, ...]
    shape: Shape
    images: tuple[str, ...]
    audios: tuple[str, ...]
    repairs: tuple[str, ...]
    exported: ExportedRecord | None = None

    @property
    def paths(self) -> tuple[str, ...]:
        """Every file that the line names."""
        more = self.exported.media if self.exported else ()
        return (*self.images, *self.audios, *(listed.path for listed in more if listed.path is not None))


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """JSON lines files of `folder`; "line N" is the N-th line that is not blank.

    Paths in the lines are relative to `media_folder`, which is relative to the collection root (default: `folder`).
    """

    version: ClassVar[str] = "1"
    folder: str = ""
    files: tuple[str, ...] = ("*.jsonl",)
    media_folder: str | None = None
    language: str | None = None
    license: str | None = None
    split: str = "train"

    @property
    def _media(self) -> str:
        return self.folder if self.media_folder is None else self.media_folder

    def containers(self, root: Path) -> Iterator[Container]:
        """List the files; see `Source.containers`."""
        require_folder(root, self._media)
        for path in matching_files(root, self.folder, self.files):
            file = root / path
            index = index_lines(file, skip_blank=True)
            paths = {name for _, line in read_lines(file, index, 0, len(index)) for name in _media_of(line)}
            media, size = present_media(root, self._media, paths)
            yield Container(
                path=path, identity=identity(root, [path, *media]), records=len(index), bytes=file.stat().st_size + size
            )

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Read a range of lines; see `Source.read`."""
        file = root / container
        index = index_lines(file, skip_blank=True)
        for number, line in read_lines(file, index, start, stop):
            uri = f"{container}#line {number + 1}"
            yield item(uri, partial(self._record, root, file, uri, line, index.repeats.get(number)), line)

    def _record(self, root: Path, file: Path, uri: str, line: bytes, earlier: int | None) -> SourceRecord:
        if earlier is not None:
            raise Refused("duplicate_record", f"the same as line {earlier + 1}")
        found = parse_line(line)
        folder = root / self._media
        if found.exported is not None:
            return restore(found.exported, found.messages, partial(_exported_medium, folder, found), uri)
        pictures = zip(found.images, found.shape.images, strict=True)
        sounds = zip(found.audios, found.shape.audios, strict=True)
        return SourceRecord(
            source_uri=uri,
            kind=found.shape.kind,
            text=found.shape.text,
            question=found.shape.question,
            answer=found.shape.answer,
            messages=found.messages,
            media=tuple(medium(folder, path, role) for path, role in (*pictures, *sounds)),
            language=self.language,
            license=self.license,
            split=self.split,
            repairs=found.repairs,
            related_texts=related_texts(file, stamp(file)).get(found.images[0], ()) if found.shape.kind == "s2i" else (),
        )


def parse_line(line: bytes) -> Conversation:
    """Understand one line; raise `Refused` naming the rule it breaks."""
    value, repairs = parse_json(line)
    if not isinstance(value, dict):
        raise Refused("wrong_type", f"the line is a {type(value).__name__}, not an object")
    require_unique_keys(value)
    turns = value.get("conversations") or value.get("messages", value.get("conversations"))
    if turns is None and "messages" not in value and "conversations" not in value:
        raise Refused("missing_field", f"neither messages nor conversations; keys: {', '.join(value)}")
    messages, turn_repairs = parse_turns(turns, SFT)
    images, image_repairs = _paths(value, "images")
    audios, audio_repairs = _paths(value, "audios")
    require_tags(messages, len(images), len(audios))
    all_repairs = tuple(dict.fromkeys((*repairs, *turn_repairs, *image_repairs, *audio_repairs)))
    if value.get(FIELD) is not None:
        beside = [text for message in messages for text in (message.role, message.content)]
        exported = parse_exported(value[FIELD], beside)
        return Conversation(messages, Shape(exported.kind, text=exported.text), images, audios, all_repairs, exported)
    return Conversation(messages, shape(messages), images, audios, all_repairs)


def _paths(value: dict[str, object], field: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return a list of media paths; absent, null and empty are the same, one string is a list of one (a repair)."""
    listed = value.get(field)
    if listed is None or listed == []:
        return (), ()
    repairs: tuple[str, ...] = ()
    if isinstance(listed, str):
        listed, repairs = [listed], (f"coerced_{field}",)
    if not isinstance(listed, list) or not all(isinstance(path, str) for path in listed):
        raise Refused("wrong_type", f"{field} is not a list of paths")
    for path in listed:
        require_unicode(path)
    return tuple(listed), repairs


def _exported_medium(folder: Path, found: Conversation, listed: ExportedMedium) -> RawMedia:
    """Read a medium of an exported record: one that its conversation shows, or one that lies beside."""
    if listed.path is not None:
        return medium(folder, listed.path, listed.role)
    paths = {"images": found.images, "audios": found.audios}.get(listed.column or "", ())
    if listed.place is None or not 0 <= listed.place < len(paths):
        raise Refused("altered_export", f"{listed.role} is number {listed.place} of {listed.column}, which has {len(paths)}")
    return medium(folder, paths[listed.place], listed.role)


def _media_of(line: bytes) -> tuple[str, ...]:
    try:
        return parse_line(line).paths
    except Refused:
        return ()


@lru_cache(maxsize=2)
def related_texts(file: Path, _stamp: Stamp) -> dict[str, tuple[str, ...]]:
    """Collect, for each picture that a spoken request asks for, what other lines of the file write about it."""
    index = index_lines(file, skip_blank=True)
    pictures = {
        found.images[0] for found in _conversations(file, index) if found.shape.kind == "s2i" and found.exported is None
    }
    texts: dict[str, list[str]] = defaultdict(list)
    for found in _conversations(file, index):
        shown = found.images[0] if len(found.images) == 1 else None
        parts = (found.shape.text, found.shape.question, found.shape.answer)
        if shown in pictures and any(parts):
            texts[shown].append(" ".join(part for part in parts if part))
    return {picture: tuple(dict.fromkeys(found)) for picture, found in texts.items()}


def _conversations(file: Path, index: LineIndex) -> Iterator[Conversation]:
    for _, line in read_lines(file, index, 0, len(index)):
        try:
            yield parse_line(line)
        except Refused:
            continue
