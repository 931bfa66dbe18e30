"""Name a dataset version: `ROOT/name@v12`, `ROOT/name@latest`, `ROOT/name@sha256:...`."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import ValidationError

from omniforge.pipeline.storage import StorageError, Store, open_store
from omniforge.schemas.manifest import Manifest

VERSION_FILE = re.compile(r"v(\d{6})\.json$")
NAME = re.compile(r"[A-Za-z0-9._-]+")
REFERENCE = re.compile(rf"^(?P<root>.*)/(?P<name>{NAME.pattern})@(?P<version>latest|v\d+|sha256:[0-9a-f]{{8,64}})$")


@dataclass(frozen=True, slots=True)
class Dataset:
    """A dataset version opened: where it lies and what it is."""

    store: Store
    manifest: Manifest

    @property
    def reference(self) -> str:
        """`ROOT/name@v<N>`."""
        return f"{self.store.root}/{self.manifest.reference}"


def manifest_key(name: str, version: int) -> str:
    """Where a version's manifest lies below the root."""
    return f"manifests/{name}/v{version:06d}.json"


def versions(store: Store, name: str) -> list[int]:
    """The versions of a dataset, ascending."""
    found = (VERSION_FILE.search(key) for key in store.list(f"manifests/{name}"))
    return sorted(int(match[1]) for match in found if match)


def read_manifest(store: Store, name: str, version: int) -> Manifest:
    """Read one version's manifest and hold it against its own hash."""
    key = manifest_key(name, version)
    try:
        manifest = Manifest.model_validate_json(store.read(key))
    except ValidationError as error:
        raise StorageError(f"{store.root}/{key} is no manifest of this version of omniforge: {error}") from None
    if manifest.content.sha256() != manifest.content_sha256:
        raise StorageError(f"{store.root}/{key}: altered after it was published; restore it")
    return manifest


def manifests(store: Store, name: str) -> Iterator[Manifest]:
    """Yield the manifests of a dataset, newest first."""
    for version in reversed(versions(store, name)):
        yield read_manifest(store, name, version)


def open_dataset(reference: str) -> Dataset:
    """Open a version by its reference; without `@...` the latest.

    Raises:
        StorageError: the reference is malformed, or there is no such dataset or version; the message lists what there is.
    """
    if "@" not in reference.rsplit("/", 1)[-1]:
        reference = f"{reference}@latest"
    match = REFERENCE.match(reference if "/" in reference else f"./{reference}")
    if not match:
        raise StorageError(
            f"{reference!r} is no dataset reference; write ROOT/name@v3, ROOT/name@latest or ROOT/name@sha256:..."
        )
    return find_version(open_store(match["root"] or "/"), match["name"], match["version"])


def find_version(store: Store, name: str, version: str) -> Dataset:
    """Find `latest`, `v12` or `sha256:...` among the versions of a dataset."""
    there = versions(store, name)
    if not there:
        known = sorted({key.split("/")[1] for key in store.list("manifests")})
        raise StorageError(f"{store.root} has no dataset {name!r}; there are: {', '.join(known) or 'none'}")
    if version == "latest":
        return Dataset(store, read_manifest(store, name, there[-1]))
    if version.startswith("v"):
        if int(version[1:]) not in there:
            raise StorageError(f"{store.root}/{name} has no {version}; there are v{there[0]} to v{there[-1]}")
        return Dataset(store, read_manifest(store, name, int(version[1:])))
    digest = version.removeprefix("sha256:")
    for manifest in manifests(store, name):
        if manifest.content_sha256.startswith(digest):
            return Dataset(store, manifest)
    raise StorageError(f"{store.root}/{name} has no version whose content hash starts with {digest}")
