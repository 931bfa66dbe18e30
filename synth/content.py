"""What files hold, by hash: a path says nothing of what is there."""

import hashlib
from collections.abc import Collection
from functools import cache
from pathlib import Path


@cache
def file_content(path: str) -> str:
    """Hash of a file's bytes, 64 hex digits; each path is read once in a process."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def folder_content(folder: Path, leave_out: Collection[str] = ()) -> str:
    """Hash of the names and bytes of a model's files, 16 hex digits, wherever the folder lies.

    Hidden files and folders, where version control and downloads keep theirs, are left out, and so are suffixes as asked.
    """
    inside = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and path.suffix not in leave_out)
    listed = [path.as_posix() for path in inside if not any(part.startswith(".") for part in path.parts)]
    text = "\n".join(f"{name} {file_content(str(folder / name))}" for name in listed)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
