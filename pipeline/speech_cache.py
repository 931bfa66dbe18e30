"""What was spoken, heard and scored, kept below a root for every build on it."""

from omniforge.pipeline.storage import Store


class StoredCache:
    """A `synth.cache.Cache` in a store: an object for each entry, under `cache/speech/`; the folder may be deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> bytes | None:
        """Return an entry, or None if there is none."""
        name = _name(key)
        return self._store.read(name) if self._store.exists(name) else None

    def put(self, key: str, data: bytes) -> None:
        """Keep an entry in place of any of that key; of two that write at once one stays, and both hold the same."""
        self._store.write(_name(key), data)


def _name(key: str) -> str:
    return f"cache/speech/{key[:2]}/{key}"
