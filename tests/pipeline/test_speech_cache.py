from collections.abc import Callable

import pytest

from omniforge.pipeline.speech_cache import StoredCache
from omniforge.pipeline.storage import Store


@pytest.mark.parametrize("name", ["local", "moto", "localbucket"])
def test_an_entry_is_kept_found_and_replaced(store_on: Callable[[str], Store], name: str) -> None:
    store = store_on(name)
    cache = StoredCache(store)
    assert cache.get("abcd") is None
    cache.put("abcd", b"damaged")
    cache.put("abcd", b"whole")
    assert cache.get("abcd") == b"whole"
    assert list(store.list("cache")) == ["cache/speech/ab/abcd"]
