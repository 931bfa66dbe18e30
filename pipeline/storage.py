"""Where datasets live: immutable objects under a root, on a local disk or on S3, created with a condition."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pyarrow.fs

from omniforge.schemas.ledger import StoredFile


class StorageError(ValueError):
    """The store cannot do what was asked; the message names the object, what is wrong and what to do."""


class AbsentError(StorageError):
    """There is no object of that key."""


class Store(Protocol):
    """Objects by key relative to a root. Everything written is immutable, so there is no overwrite and no rename."""

    root: str

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """Return the bytes of an object, or `length` of them from `offset`.

        Raises:
            AbsentError: there is no such object.
            StorageError: it is shorter, or cannot be read.
        """
        ...

    def write(self, key: str, data: bytes) -> None:
        """Put an object whose name tells its content; writing it again is harmless."""
        ...

    def create(self, key: str, data: bytes) -> bool:
        """Put an object if there is none of that key; False if there is one with other bytes. One racer of many wins."""
        ...

    def list(self, prefix: str) -> Iterator[str]:
        """Yield the keys that start with `prefix` (a folder), sorted."""
        ...

    def exists(self, key: str) -> bool:
        """Tell whether there is an object of that key."""
        ...

    def arrow(self) -> tuple[pyarrow.fs.FileSystem, str]:
        """Return an Arrow file system and the root's path in it, for Parquet readers that push filters down."""
        ...


class LocalStore:
    """A root that is a folder. Objects appear whole or not at all: written beside, then linked or renamed into place."""

    def __init__(self, root: str) -> None:
        self.root = str(Path(root).expanduser().resolve())

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        """See `Store.read`."""
        path = Path(self.root, key)
        try:
            with path.open("rb") as file:
                file.seek(offset)
                data = file.read() if length is None else file.read(length)
        except FileNotFoundError:
            raise AbsentError(f"{path}: no such object; was it moved, or is the root wrong?") from None
        if length is not None and len(data) != length:
            raise StorageError(
                f"{path}: {len(data)} of {length} bytes at {offset}; the object is cut off, restore or rebuild it"
            )
        return data

    def write(self, key: str, data: bytes) -> None:
        """See `Store.write`."""
        path = Path(self.root, key)
        self._written_beside(path, data).replace(path)
        _sync_folder(path.parent)

    def create(self, key: str, data: bytes) -> bool:
        """See `Store.create`. A hard link is the one step of a POSIX file system that fails when the name is taken."""
        path = Path(self.root, key)
        temporary = self._written_beside(path, data)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return path.read_bytes() == data
        finally:
            temporary.unlink()
        _sync_folder(path.parent)
        return True

    def list(self, prefix: str) -> Iterator[str]:
        """See `Store.list`."""
        folder = Path(self.root, prefix)
        files = (path for path in folder.rglob("*") if path.is_file() and not path.name.startswith(".writing-"))
        yield from sorted(path.relative_to(self.root).as_posix() for path in files)

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        return Path(self.root, key).is_file()

    def arrow(self) -> tuple[pyarrow.fs.FileSystem, str]:
        """See `Store.arrow`."""
        return pyarrow.fs.LocalFileSystem(), self.root

    def _written_beside(self, path: Path, data: bytes) -> Path:
        """Write a file of a name that nobody else has, readable by whom the umask lets, and see it on the disk."""
        temporary = path.with_name(f".writing-{secrets.token_hex(8)}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if temporary.exists():
                temporary.unlink()
            raise StorageError(
                f"{path}: cannot be written: {error.strerror}; see to the disk and run the command again"
            ) from error
        return temporary


def _sync_folder(folder: Path) -> None:
    """See a new name on the disk: a ledger entry must not outlive, in a loss of power, the shard that it names."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def open_store(root: str, *, single_writer: bool = False) -> Store:
    """Open a root: `s3://bucket/prefix`, or a folder (with or without `file://`).

    Raises:
        StorageError: the scheme is unknown, or the S3 extra is not installed.
    """
    if root.startswith("s3://"):
        from omniforge.pipeline.storage_s3 import S3Store

        return S3Store(root, single_writer=single_writer)
    if "://" in root and not root.startswith("file://"):
        raise StorageError(f"root {root!r}: only s3://bucket/prefix and folders are stores")
    return LocalStore(root.removeprefix("file://"))


def put_content(store: Store, folder: str, name: str, suffix: str, data: bytes) -> StoredFile:
    """Write an object under a name that ends in the hash of its bytes, and return where it lies."""
    sha256 = hashlib.sha256(data).hexdigest()
    url = f"{folder}/{name}-{sha256[:16]}{suffix}"
    store.write(url, data)
    return StoredFile(url=url, bytes=len(data), sha256=sha256)


def read_verified(store: Store, file: StoredFile) -> bytes:
    """Read an object whole and hold it against its size and hash.

    Raises:
        StorageError: the bytes are not those that were written.
    """
    data = store.read(file.url)
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        raise StorageError(
            f"{store.root}/{file.url}: the bytes are not those the manifest names; restore or rebuild the object"
        )
    return data


def read_content(store: Store, url: str) -> bytes:
    """Read an object that `put_content` named and hold it against the hash in its name.

    Raises:
        StorageError: the bytes are not those that were written.
    """
    data = store.read(url)
    if not url.partition(".")[0].endswith(f"-{hashlib.sha256(data).hexdigest()[:16]}"):
        raise StorageError(f"{store.root}/{url}: the bytes are not those its name tells of; restore or rebuild the object")
    return data
