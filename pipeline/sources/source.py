"""What a corpus format has to offer so that the engine can plan and read it."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from omniforge.schemas.record import Refusal, SourceRecord

SourceItem = SourceRecord | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """One file of a corpus that holds records, as `plan` sees it.

    `path` is relative to the collection root and is the left part of every `source_uri` in it. `identity` changes when the
    records in it could: the hash of its bytes and of the media files it names. `records` counts its source records in reading
    order, kept or not; `bytes` is its size with its media, by which units are cut.
    """

    path: str
    identity: str
    records: int
    bytes: int


class Source(Protocol):
    """A corpus format: which containers there are, and the records in a range of one of them.

    `version` enters the fingerprint of every unit; raise it when the same bytes would give other records.
    """

    @property
    def version(self) -> str:
        """The version of the reader."""
        ...

    def containers(self, root: Path) -> Iterator[Container]:
        """List the containers below `root` in a fixed order; raise `ValueError` naming what is missing or malformed."""
        ...

    def read(self, root: Path, container: str, start: int, stop: int) -> Iterator[SourceItem]:
        """Yield exactly `stop - start` items, the records number `start` to `stop - 1` of the container, in order.

        A record that cannot be read is a `Refusal` in its place: nothing is lost, nothing is skipped, nothing raises for one
        bad record.
        """
        ...


def identity(root: Path, paths: Iterable[str]) -> str:
    """Hash the contents of files, named relative to `root`; a file that is not there counts as such."""
    digest = hashlib.sha256()
    for path in paths:
        file = root / path
        digest.update(path.encode("utf-8", "surrogateescape") + b"\0")
        if not file.is_file():
            digest.update(b"absent\0")
            continue
        with file.open("rb") as stream:
            digest.update(hashlib.file_digest(stream, "sha256").digest())
    return digest.hexdigest()


def path_problem(path: str) -> str | None:
    """Return the reason code why a path found in data must not be joined to a folder, or None for a plain relative path.

    Judged by the text alone, before anything is opened; the reader must still resolve links (see `resolve_inside`).
    """
    if "://" in path or path.startswith("data:"):
        return "remote_uri"
    if path.startswith(("/", "\\")) or path[1:3] in (":\\", ":/"):
        return "absolute_path"
    return "path_traversal" if ".." in path.replace("\\", "/").split("/") else None


def resolve_inside(folder: Path, path: str) -> Path | None:
    """Join a path from data to `folder`; None if the result, with links resolved, is no file inside it."""
    resolved = (folder / path).resolve()
    return resolved if resolved.is_relative_to(folder.resolve()) and resolved.is_file() else None
