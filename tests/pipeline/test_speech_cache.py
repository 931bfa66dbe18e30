import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from omniforge.pipeline import speech_cache
from omniforge.pipeline.environment import environment_fingerprint
from omniforge.pipeline.speech_cache import StoredCache
from omniforge.pipeline.storage import LocalStore, Store


@pytest.mark.parametrize("name", ["local", "moto", "localbucket"])
def test_an_entry_is_kept_found_and_replaced(store_on: Callable[[str], Store], name: str) -> None:
    store = store_on(name)
    cache = StoredCache(store)
    assert cache.get("abcd") is None
    cache.put("abcd", b"damaged")
    cache.put("abcd", b"whole")
    assert cache.get("abcd") == b"whole"
    assert list(store.list("cache")) == [f"cache/speech/{environment_fingerprint()[:8]}/ab/abcd"]


class FadingStore(LocalStore):
    """Somebody deletes each object as soon as it is said to be there."""

    def exists(self, key: str) -> bool:
        found = super().exists(key)
        Path(self.root, key).unlink(missing_ok=True)
        return found


def test_the_folder_may_be_deleted_at_any_time(tmp_path: Path) -> None:
    cache = StoredCache(FadingStore(str(tmp_path)))
    cache.put("abcd", b"whole")
    assert cache.get("abcd") in (b"whole", None)
    shutil.rmtree(tmp_path / "cache")
    assert cache.get("abcd") is None


def test_what_another_environment_kept_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = StoredCache(LocalStore(str(tmp_path)))
    cache.put("abcd", b"of this one")
    monkeypatch.setattr(speech_cache, "environment_fingerprint", lambda: "0123456789abcdef")
    assert cache.get("abcd") is None
