"""What was spoken, heard and scored, kept below a root for every build on it."""

from omniforge.pipeline.environment import environment_fingerprint
from omniforge.pipeline.storage import AbsentError, Store


class StoredCache:
    """A `synth.cache.Cache` in a store: an object for each entry, under `cache/speech/`; the folder may be deleted.

    Entries of different environments (`pipeline.environment`) lie in different folders: other versions or another processor
    need not speak, hear and score alike.
    """

    def __init__(self, store: Store) -> None:
        self._store = store

    def get(self, key: str) -> bytes | None:
        """Return an entry, or None if there is none."""
        try:
            return self._store.read(_name(key))
        except AbsentError:
            return None

    def put(self, key: str, data: bytes) -> None:
        """Keep an entry in place of any of that key; of two that write at once one stays, and both hold the same."""
        self._store.write(_name(key), data)


def _name(key: str) -> str:
    return f"cache/speech/{environment_fingerprint()[:8]}/{key[:2]}/{key}"
