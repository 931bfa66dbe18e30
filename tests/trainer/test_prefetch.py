import threading
from collections.abc import Iterator

import pytest

from omniforge.trainer.prefetch import prefetched


def failing() -> Iterator[int]:
    yield 1
    yield 2
    raise ValueError("the third is broken")


def endless(made: list[int]) -> Iterator[int]:
    while True:
        made.append(len(made))
        yield made[-1]


def test_items_come_in_order() -> None:
    assert list(prefetched(iter(range(100)), 3)) == list(range(100))


def test_an_error_comes_in_its_place() -> None:
    items = prefetched(failing(), 5)
    assert [next(items), next(items)] == [1, 2]
    with pytest.raises(ValueError, match="the third is broken"):
        next(items)


def test_closing_ends_the_thread_and_what_was_made_ahead_is_bounded() -> None:
    made: list[int] = []
    items = prefetched(endless(made), 2)
    assert next(items) == 0
    items.close()
    assert len(made) <= 5
    assert not [thread for thread in threading.enumerate() if thread.name == "prefetch"]
