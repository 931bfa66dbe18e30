"""Files of a collection: those a config names, and those the data refer to."""

from collections.abc import Iterable
from pathlib import Path

from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.source import path_problem
from omniforge.schemas.record import RawMedia

WHOLE_FILE = "whole file"
"""The record name of a container that cannot be read at all."""

Stamp = tuple[int, int]
"""Size and modification time (ns) of a file; the key under which a process remembers what it found in it."""


def stamp(file: Path) -> Stamp:
    """Tell one state of a file from another."""
    state = file.stat()
    return state.st_size, state.st_mtime_ns


def require_folder(root: Path, folder: str) -> Path:
    """Return `root/folder`; raise `ValueError` naming it if it is not there."""
    path = root / folder
    if not path.is_dir():
        raise ValueError(f"no folder {folder or '.'!r} in the collection {root}: set `folder` or the collection root")
    return path


def require_file(root: Path, path: str) -> Path:
    """Return `root/path`; raise `ValueError` naming it if it is not there."""
    file = root / path
    if not file.is_file():
        raise ValueError(f"no file {path!r} in the collection {root}: set the file's name or the collection root")
    return file


def matching_files(root: Path, folder: str, patterns: Iterable[str]) -> list[str]:
    """List the files of a folder by glob pattern, relative to `root`, sorted.

    Raises:
        ValueError: The folder is absent, a pattern that is a plain name has no file, or no pattern has one.
    """
    base = require_folder(root, folder)
    found: set[str] = set()
    wanted = tuple(patterns)
    for pattern in wanted:
        matches = {file.relative_to(root).as_posix() for file in base.glob(pattern) if file.is_file()}
        if not matches and not set("*?[") & set(pattern):
            raise ValueError(f"no file {pattern!r} in folder {folder or '.'!r} of the collection {root}")
        found |= matches
    if not found:
        raise ValueError(f"no file matches {', '.join(wanted)} in folder {folder or '.'!r} of the collection {root}")
    return sorted(found)


def join(folder: str, name: str) -> str:
    """Join two paths relative to the collection root; `folder` may be empty."""
    return f"{folder.strip('/')}/{name}" if folder.strip("/") not in ("", ".") else name


def locate(folder: Path, path: str) -> Path:
    """Find the file that a path in the data means; raise `Refused` if the path is unsafe or nothing is there."""
    problem = path_problem(path)
    if problem is not None:
        raise Refused(problem, f"{path!r} is not opened")
    try:
        resolved = (folder / path).resolve()
        inside = resolved.is_relative_to(folder.resolve())
        exists = resolved.is_file()
    except (OSError, ValueError, RuntimeError) as error:
        raise Refused("missing_media", f"{path!r} is no usable file name: {error}") from None
    if not inside:
        raise Refused("path_traversal", f"{path!r} is a link out of the folder")
    if not exists:
        raise Refused("missing_media", f"{path!r} is not there")
    return resolved


def medium(folder: Path, path: str, role: str) -> RawMedia:
    """Read the file that a path in the data means; raise `Refused` as `locate` does."""
    return RawMedia(role, path, locate(folder, path).read_bytes())


def present_media(root: Path, folder: str, paths: Iterable[str]) -> tuple[list[str], int]:
    """Return which media are there, relative to `root`, sorted, and their bytes together.

    An absent file needs no mention in a container's identity: once it is there, it is listed and the identity is another.
    """
    names: list[str] = []
    total = 0
    for path in sorted(set(paths)):
        try:
            total += locate(root / folder, path).stat().st_size
        except Refused:
            continue
        names.append(join(folder, path))
    return names, total
