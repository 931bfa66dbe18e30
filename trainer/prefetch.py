"""Work ahead in the background, in order."""

import queue
import threading
from collections.abc import Generator, Iterator
from typing import TypeVar

T = TypeVar("T")


def prefetched(items: Iterator[T], ahead: int) -> Generator[T]:
    """Yield `items`, made up to `ahead` in advance by a thread; an error there is raised here, in its place.

    Close the iterator (or drop it) to end the thread.
    """
    ready: queue.Queue[tuple[T] | Exception | None] = queue.Queue(ahead)
    stopped = threading.Event()

    def put(item: "tuple[T] | Exception | None") -> bool:
        while not stopped.is_set():
            try:
                ready.put(item, timeout=0.1)
            except queue.Full:
                continue
            return True
        return False

    def work() -> None:
        try:
            for item in items:
                if not put((item,)):
                    return
            put(None)
        except Exception as error:
            put(error)

    thread = threading.Thread(target=work, name="prefetch", daemon=True)
    thread.start()
    try:
        while (got := ready.get()) is not None:
            if isinstance(got, Exception):
                raise got
            yield got[0]
    finally:
        stopped.set()
        thread.join()
