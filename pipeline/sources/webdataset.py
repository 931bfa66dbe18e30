"""Pictures with captions in WebDataset tars, as img2dataset writes them: KEY.jpg, KEY.txt, KEY.json."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, ClassVar

from omniforge.pipeline.sources.collection import matching_files
from omniforge.pipeline.sources.refused import Refused, item
from omniforge.pipeline.sources.source import Container, SourceItem, identity
from omniforge.pipeline.sources.strict_json import decode, parse_json
from omniforge.pipeline.sources.tar_scan import METADATA, PICTURES, TEXT, Member, Run, scan
from omniforge.schemas.record import RawMedia, SourceRecord

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


@dataclass(frozen=True, slots=True, kw_only=True)
class WebDataset:
    """Tars of `folder`, one record for each run of adjacent members with one key.

    Members that can belong to no sample (an unsafe name, no extension, resource forks) are records of their own, refused.
    A key that comes back is a new record: refused as `duplicate_key` if it brings members the earlier run has too, else both
    are halves of one sample, and refused as `members_not_adjacent`.
    """

    version: ClassVar[str] = "1"
    folder: str = "wds"
    files: tuple[str, ...] = ("*.tar",)
    language: str | None = None
    license: str | None = None
    split: str = "train"

    def containers(self, root: Path) -> Iterator[Container]:
        """List the tars; see `Source.containers`."""
        for path in matching_files(root, self.folder, self.files):
            file = root / path
            yield Container(path=path, identity=identity(root, [path]), records=len(scan(file)), bytes=file.stat().st_size)

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Read a range of runs by their offsets; see `Source.read`."""
        runs = scan(root / container)
        named = _named(runs)
        with (root / container).open("rb") as stream:
            for run, (name, problem) in list(zip(runs, named, strict=True))[start:stop]:
                uri = f"{container}#{name}"
                yield item(uri, partial(self._record, stream, run, uri, problem))

    def _record(self, stream: BinaryIO, run: Run, uri: str, problem: Refused | None) -> SourceRecord:
        _require_sound(run)
        if problem is not None:
            raise problem
        by_suffix = {member.suffix: member for member in run.members}
        pictures = [member for member in run.members if member.suffix in PICTURES]
        if not pictures:
            raise Refused("missing_image", f"members: {', '.join(run.suffixes)}")
        if len(pictures) > 1:
            raise Refused("duplicate_member", f"several pictures: {', '.join(member.name for member in pictures)}")
        metadata, repairs = _metadata(stream, by_suffix.get(METADATA))
        if TEXT in by_suffix:
            text = decode(_bytes(stream, by_suffix[TEXT]))
        else:
            text = _caption(metadata)
            repairs += ("caption_from_json",)
        if not text.strip():
            raise Refused("empty_caption")
        own = metadata.get("license")
        return SourceRecord(
            source_uri=uri,
            kind="caption",
            text=text,
            media=(RawMedia("image", pictures[0].name, _bytes(stream, pictures[0])),),
            language=self.language,
            license=own if isinstance(own, str) and own else self.license,
            split=self.split,
            repairs=repairs,
        )


def _require_sound(run: Run) -> None:
    """Raise `Refused` for what the headers alone tell of a run."""
    if run.alone:
        raise Refused(run.alone, "; ".join(member.problem or member.name for member in run.members))
    if run.cut:
        raise Refused("truncated_archive", f"the archive ends in or after {run.members[-1].name!r}")
    for member in run.members:
        if member.problem:
            raise Refused(member.problem, f"member {member.name!r}")
    for suffix in run.suffixes:
        if run.suffixes.count(suffix) > 1:
            raise Refused("duplicate_member", f"several members {run.key}{suffix}")


def _named(runs: tuple[Run, ...]) -> list[tuple[str, Refused | None]]:
    """Name every run, uniquely in the archive, and say what is wrong with a key that comes back."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, run in enumerate(runs):
        places[run.key].append(place)
    named: list[tuple[str, Refused | None]] = [(run.key, None) for run in runs]
    for key, where in places.items():
        if len(where) == 1:
            continue
        samples = [place for place in where if not runs[place].alone]
        suffixes = [suffix for place in samples for suffix in set(runs[place].suffixes)]
        halves = samples == where and len(set(suffixes)) == len(suffixes)
        for number, place in enumerate(where):
            ordinal = ORDINALS[number] if number < len(ORDINALS) else f"{number + 1}th"
            if halves:
                only = ", ".join(dict.fromkeys(runs[place].suffixes))
                problem = Refused("members_not_adjacent", f"{len(where)} runs of members have the key {key!r}")
                named[place] = f"{key} ({ordinal} run: {only} only)", problem
            else:
                again = Refused("duplicate_key", f"the key {key!r} came earlier") if place in samples[1:] else None
                named[place] = f"{key} ({ordinal})", again
    return named


def _bytes(stream: BinaryIO, member: Member) -> bytes:
    stream.seek(member.offset)
    return stream.read(member.size)


def _metadata(stream: BinaryIO, member: Member | None) -> tuple[dict[str, object], tuple[str, ...]]:
    """Return the metadata, empty with a repair if it cannot be read: picture and text make the record."""
    if member is None:
        return {}, ()
    try:
        value, _ = parse_json(_bytes(stream, member))
    except Refused:
        return {}, ("invalid_json_metadata",)
    return (value, ()) if isinstance(value, dict) else ({}, ("invalid_json_metadata",))


def _caption(metadata: dict[str, object]) -> str:
    caption = metadata.get("caption")
    if caption is None:
        raise Refused("missing_caption", "neither .txt nor a caption in .json")
    if not isinstance(caption, str):
        raise Refused("wrong_type", f"the caption in .json is a {type(caption).__name__}")
    return caption
