"""Split inputs into work units: ranges of records of one file, named by all that decides what they become."""

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from omniforge.pipeline.storage import Store
from omniforge.schemas.record import Stage

RECORDS_PER_UNIT = 1024
BYTES_PER_UNIT = 64_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Records `start` to `stop - 1` of one container, and the fingerprints under which they are worked on.

    `identity` tells the container's content, `fingerprints` the stages and models that touch the records. The id is a hash of
    those, so a new file or corpus adds units and changes none, and a changed filter redoes exactly what it touches.
    `keys` hashes the keys selected in the range (empty: all of them). Where the container is a shard, `index` is its index.
    """

    id: str
    stage: Stage
    corpus: str
    container: str
    start: int
    stop: int
    identity: str
    keys: str = ""
    index: str = ""

    def to_json(self) -> str:
        """Serialise for a Ray row or a stored plan."""
        return json.dumps(asdict(self), sort_keys=True)

    @staticmethod
    def from_json(text: str) -> "Unit":
        """Read back what `to_json` wrote."""
        return Unit(**json.loads(text))


def make_unit(
    *,
    stage: Stage,
    corpus: str,
    container: str,
    start: int,
    stop: int,
    identity: str,
    fingerprints: Mapping[str, str],
    keys: str = "",
    index: str = "",
) -> Unit:
    """Name a unit by the hash of everything that decides its output.

    Raises:
        ValueError: the container's name is not UTF-8, so no table could hold it.
    """
    try:
        container.encode()
    except UnicodeEncodeError:
        raise ValueError(f"corpus {corpus}: the file name {container!r} is not UTF-8; rename the file") from None
    facts: dict[str, Any] = {
        "stage": stage,
        "corpus": corpus,
        "container": container,
        "range": [start, stop],
        "identity": identity,
        "fingerprints": dict(fingerprints),
        "keys": keys,
    }
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:20]
    return Unit(
        id=digest,
        stage=stage,
        corpus=corpus,
        container=container,
        start=start,
        stop=stop,
        identity=identity,
        keys=keys,
        index=index,
    )


def ranges(records: int, size: int, *, limit: int | None = None) -> Iterator[tuple[int, int]]:
    """Cut a container of `records` records and `size` bytes into ranges of about a unit each; `limit` records at most.

    The cuts depend on the container alone, so that they are the same whatever else is planned beside it.
    """
    if records == 0:
        return
    parts = max(-(-records // RECORDS_PER_UNIT), -(-size // BYTES_PER_UNIT))
    step = -(-records // min(parts, records))
    end = records if limit is None else min(records, limit)
    for start in range(0, end, step):
        yield start, min(start + step, end)


def store_plan(store: Store, name: str, units: Iterable[Unit]) -> str:
    """Keep a plan beside the data as JSON lines, named by its content; return its key."""
    text = "".join(f"{unit.to_json()}\n" for unit in units)
    key = f"plans/{name}/{hashlib.sha256(text.encode()).hexdigest()[:16]}.jsonl"
    store.write(key, text.encode())
    return key


def load_plan(store: Store, key: str) -> tuple[Unit, ...]:
    """Read a stored plan back."""
    return tuple(Unit.from_json(line) for line in store.read(key).decode().splitlines())
