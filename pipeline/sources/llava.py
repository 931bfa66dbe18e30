"""LLaVA and LLaVA-OneVision: a JSON list of conversations about a picture, placed by the tag `<image>`."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import ClassVar

from omniforge.pipeline.sources.choices import require_choice
from omniforge.pipeline.sources.collection import (
    WHOLE_FILE,
    Stamp,
    matching_files,
    medium,
    present_media,
    require_folder,
    stamp,
)
from omniforge.pipeline.sources.refused import Refused, item, refusal
from omniforge.pipeline.sources.shapes import shape
from omniforge.pipeline.sources.source import Container, SourceItem, identity
from omniforge.pipeline.sources.strict_json import load_json, require_unicode, require_unique_keys
from omniforge.pipeline.sources.turns import AUDIO_TAG, IMAGE_TAG, LLAVA, parse_turns, require_tags
from omniforge.schemas.record import Message, SourceRecord

TAG = "<image>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Llava:
    """JSON lists of `folder`; "item N" is an item's position from 0.

    Paths in the items are relative to `media_folder`, which is relative to the collection root (default: `folder`). Repairs:
    those of `turns.parse_turns`, `prepended_tag` (one picture and no tag), `backslash_path`.
    """

    version: ClassVar[str] = "1"
    folder: str = "llava"
    files: tuple[str, ...] = ("*.json",)
    media_folder: str | None = None
    language: str | None = "en"
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
            try:
                items = _items(file)
            except Refused:
                yield Container(path=path, identity=identity(root, [path]), records=1, bytes=file.stat().st_size)
                continue
            media, size = present_media(root, self._media, {name for value in items for name in _paths_or_none(value)})
            yield Container(
                path=path, identity=identity(root, [path, *media]), records=len(items), bytes=file.stat().st_size + size
            )

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Read a range of items; see `Source.read`."""
        file = root / container
        try:
            items = _items(file)
        except Refused as refused:
            yield from [refusal(f"{container}#{WHOLE_FILE}", refused)][start:stop]
            return
        repeats = _repeats(file, stamp(file))
        for number in range(start, stop):
            uri = f"{container}#item {number}"
            evidence = json.dumps(items[number]).encode()
            yield item(uri, partial(self._record, root, uri, items[number], repeats.get(number)), evidence)

    def _record(self, root: Path, uri: str, value: object, repeated: tuple[str, str] | None) -> SourceRecord:
        if repeated is not None:
            raise Refused(*repeated)
        messages, paths, repairs = _conversation(value)
        found = shape(messages)
        if found.question is not None and found.answer is not None:
            require_choice(found.question, found.answer)
        return SourceRecord(
            source_uri=uri,
            kind=found.kind,
            text=found.text,
            question=found.question,
            answer=found.answer,
            messages=messages,
            media=tuple(medium(root / self._media, path, role) for path, role in zip(paths, found.images, strict=True)),
            language=self.language,
            license=self.license,
            split=self.split,
            repairs=repairs,
        )


def _conversation(value: object) -> tuple[tuple[Message, ...], tuple[str, ...], tuple[str, ...]]:
    """Understand one item: its messages with the tags of this project, the paths in tag order, and the repairs made."""
    if not isinstance(value, dict):
        raise Refused("wrong_type", f"the item is a {type(value).__name__}, not an object")
    require_unique_keys(value)
    if "conversations" not in value:
        raise Refused("missing_field", f"no conversations; keys: {', '.join(value)}")
    messages, repairs = parse_turns(value["conversations"], LLAVA)
    for message in messages:
        for tag in (IMAGE_TAG, AUDIO_TAG):
            if tag in message.content:
                raise Refused("special_tokens_in_text", f"{tag} is no tag of this format")
    paths = _paths(value)
    tags = sum(message.content.count(TAG) for message in messages)
    if len(paths) == 1 and tags == 0:
        first = next(place for place, message in enumerate(messages) if message.role == "user")
        tagged = Message("user", f"{TAG}\n{messages[first].content}")
        messages = (*messages[:first], tagged, *messages[first + 1 :])
        repairs += ("prepended_tag",)
    messages = tuple(Message(message.role, message.content.replace(TAG, IMAGE_TAG)) for message in messages)
    require_tags(messages, len(paths), 0)
    portable = tuple(path.replace("\\", "/") for path in paths)
    return messages, portable, repairs if portable == paths else (*repairs, "backslash_path")


def _paths(value: dict[str, object]) -> tuple[str, ...]:
    listed = value.get("image")
    if listed is None:
        return ()
    paths = listed if isinstance(listed, list) else [listed]
    named = tuple(path for path in paths if isinstance(path, str))
    if len(named) != len(paths):
        raise Refused("wrong_type", "image is neither a path nor a list of paths")
    for path in named:
        require_unicode(path)
    return named


def _paths_or_none(value: object) -> tuple[str, ...]:
    try:
        return _conversation(value)[1]
    except Refused:
        return ()


def _items(file: Path) -> list[object]:
    value = load_json(file)
    if not isinstance(value, list):
        raise Refused("wrong_type", f"the file holds a {type(value).__name__}, not a list")
    return value


@lru_cache(maxsize=2)
def _repeats(file: Path, _stamp: Stamp) -> dict[int, tuple[str, str]]:
    """Find the items that repeat an earlier one, but for the id, and those that use its id for something else."""
    repeats: dict[int, tuple[str, str]] = {}
    contents: dict[bytes, int] = {}
    ids: dict[str, int] = {}
    for number, value in enumerate(_items(file)):
        if not isinstance(value, dict):
            continue
        content = json.dumps([value.get("image"), value.get("conversations")], sort_keys=True).encode()
        same = contents.setdefault(hashlib.blake2b(content, digest_size=16).digest(), number)
        identifier = value.get("id")
        taken = number if identifier is None else ids.setdefault(str(identifier), number)
        if same != number:
            repeats[number] = ("duplicate_record", f"the same picture and turns as item {same}")
        elif taken != number:
            repeats[number] = ("duplicate_id", f"item {taken} has the id {identifier!r}")
    return repeats
