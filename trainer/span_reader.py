"""From the bytes of a span to samples, and what is checked on the way."""

import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniforge.pipeline.storage import StorageError, Store
from omniforge.tokenizers.vocabulary import Vocabulary
from omniforge.trainer.corruption import IGNORE
from omniforge.trainer.mixture import STREAMS, stream_of
from omniforge.trainer.spans import DataError, Shard, SpanTable

_TAR_BLOCK = 512
_CHECKSUM = slice(148, 156)


@dataclass(frozen=True, slots=True, eq=False)
class StoredSample:
    """A sample as it lies in its shard.

    Attributes:
        key: Its key in the index.
        stream: Number of its stream in `STREAMS`.
        ids: (length,) uint32, a view of the span's bytes.
        loss_spans: (start, stop) of what is supervised.
        continuous: (start, stop) of positions whose embeddings the speech encoder gives, a pair for each clip.
        features: float16 (frames, 560) of each clip.
        grounded: (named,) int64 positions of codes of which it is known what they show, and of phrases what they mean.
        later: (named,) int64, 1 for what a phrase means once it is looked up in the picture, else 0.
        words: (named, most words) int64 ids of the words for it, `IGNORE` behind the last one of each.
    """

    key: str
    stream: int
    ids: NDArray[np.uint32]
    loss_spans: tuple[tuple[int, int], ...]
    continuous: tuple[tuple[int, int], ...]
    features: tuple[NDArray[np.float16], ...]
    grounded: NDArray[np.int64]
    later: NDArray[np.int64]
    words: NDArray[np.int64]


def read_span(store: Store, table: SpanTable, number: int, split: str, vocabulary: Vocabulary) -> tuple[StoredSample, ...]:
    """Fetch a span by one range read and return its samples of a split, in the order of the shard.

    Checked are the headers and bounds of every tar member, the type of the ids and that each is in the vocabulary, the bounds
    of what is supervised, the vocabulary's fingerprint, that the samples are those the index has, and, where the span is
    a whole shard, the shard's sha256 (`verify_shards` does that for larger ones).

    Raises:
        DataError: The shard is absent, altered or of another vocabulary; the message names it.
    """
    shard = table.shards[table.shard[number]]
    start, stop = int(table.start[number]), int(table.stop[number])
    where = f"{store.root}/{shard.url}"
    if whole := _alone(table, number):
        start, stop = 0, shard.bytes
    try:
        data = store.read(shard.url, start, stop - start)
    except StorageError as error:
        raise DataError(f"training data: {error}") from error
    if whole:
        _check_hash(shard, data, where)
    try:
        found = tuple(
            sample
            for key, files in groupby(_members(data), key=lambda member: member[0].partition(".")[0])
            if (sample := _sample(key, dict(files), split, table.longest, vocabulary)) is not None
        )
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"training data: {where}, bytes {start}..{stop}: {error}; not what was published, restore or rebuild the shard"
        ) from error
    counts = Counter(sample.stream for sample in found)
    expected = {stream: int(count) for stream, count in enumerate(table.counts[number]) if count}
    if counts != expected:
        raise DataError(
            f"training data: {where} holds {_named(counts)} in bytes {start}..{stop}, its index has {_named(expected)}; "
            "the shard is not the one of this version, restore or rebuild it"
        )
    return found


def verify_shards(store: Store, table: SpanTable) -> None:
    """Read every shard whole, once, and hold it against its sha256.

    Raises:
        DataError: One is absent or altered; the message names the first.
    """
    for shard in table.shards:
        try:
            data = store.read(shard.url)
        except StorageError as error:
            raise DataError(f"training data: {error}") from error
        _check_hash(shard, data, f"{store.root}/{shard.url}")


def _alone(table: SpanTable, number: int) -> bool:
    """Tell whether a span is the only one of its shard; spans of a shard are neighbours."""
    shard = table.shard[number]
    first = number == 0 or table.shard[number - 1] != shard
    last = number == len(table.shard) - 1 or table.shard[number + 1] != shard
    return bool(first and last)


def _check_hash(shard: Shard, data: bytes, where: str) -> None:
    if len(data) != shard.bytes or hashlib.sha256(data).hexdigest() != shard.sha256:
        raise DataError(
            f"training data: {where}: its bytes are not those the manifest names (sha256 differs); restore or rebuild the shard"
        )


def _named(counts: dict[int, int]) -> str:
    return ", ".join(f"{count} {STREAMS[stream]}" for stream, count in sorted(counts.items())) or "no sample"


def _members(data: bytes) -> Iterator[tuple[str, memoryview]]:
    view = memoryview(data)
    position = 0
    while position + _TAR_BLOCK <= len(data) and data[position]:
        header = data[position : position + _TAR_BLOCK]
        checksum = header[_CHECKSUM]
        # Most of a header is zero, and summing what is not is several times as fast.
        found = sum(header.translate(None, b"\0")) - sum(checksum) + len(checksum) * ord(" ")
        if found != int(checksum.strip(b"\0 ") or b"0", 8):
            raise ValueError(f"no tar header at byte {position} of the span")
        name, size = header[:100].rstrip(b"\0").decode(), int(header[124:135], 8)
        position += _TAR_BLOCK
        if position + size > len(data):
            raise ValueError(f"{name} is cut off")
        yield name, view[position : position + size]
        position += -(-size // _TAR_BLOCK) * _TAR_BLOCK


def _sample(key: str, files: dict[str, memoryview], split: str, longest: int, vocabulary: Vocabulary) -> StoredSample | None:
    document: dict[str, Any] = json.loads(str(files[f"{key}.json"], "utf-8"))
    ids = _read_ids(files[f"{key}.ids.npy"], key)
    if document["split"] != split or len(ids) > longest:
        return None
    if document["vocabulary"] != vocabulary.fingerprint:
        raise ValueError(f"{key} is of vocabulary {document['vocabulary']}, the manifest's is {vocabulary.fingerprint}")
    if int(ids.max(initial=0)) >= vocabulary.size:
        raise ValueError(f"{key} holds id {ids.max()}, the vocabulary ends at {vocabulary.size - 1}")
    loss_spans = tuple((int(start), int(stop)) for start, stop in document["loss_spans"])
    if not loss_spans or any(not 0 <= start < stop <= len(ids) for start, stop in loss_spans):
        raise ValueError(f"{key} supervises {list(loss_spans)} of {len(ids)} ids")
    shown: list[list[int]] = document.get("grounding", [])
    meant: list[list[int]] = document.get("mentions", [])
    told = shown + meant
    if any(not 0 <= place < len(ids) or not words or min(words) < 0 or max(words) >= vocabulary.size for place, *words in told):
        raise ValueError(f"{key} says what is shown or meant behind its {len(ids)} ids, or in no word of its vocabulary")
    media = sum(span["stop"] - span["start"] for span in document["spans"] if span["modality"] != "text")
    return StoredSample(
        key=key,
        stream=STREAMS.index(stream_of(document["task"], media)),
        ids=ids,
        loss_spans=loss_spans,
        continuous=tuple((span["start"], span["stop"]) for span in document["spans"] if span["continuous"]),
        features=tuple(np.load(io.BytesIO(data)) for name, data in files.items() if ".fbank" in name),
        grounded=np.array([place for place, *_ in told], dtype=np.int64),
        later=np.repeat(np.arange(2), (len(shown), len(meant))),
        words=_rectangle([words for _, *words in told]),
    )


def _rectangle(lists: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """Lay lists of ids below each other, `IGNORE` behind the shorter ones."""
    rectangle = np.full((len(lists), max(map(len, lists), default=0)), IGNORE, dtype=np.int64)
    for row, ids in zip(rectangle, lists, strict=True):
        row[: len(ids)] = ids
    return rectangle


def _read_ids(data: memoryview, key: str) -> NDArray[np.uint32]:
    """Read a one-dimensional little-endian uint32 .npy without a copy."""
    if bytes(data[:8]) != b"\x93NUMPY\x01\x00":
        raise ValueError(f"{key}.ids.npy is no NumPy file of version 1")
    start = 10 + int.from_bytes(data[8:10], "little")
    count = (len(data) - start) // 4
    expected = b"{'descr': '<u4', 'fortran_order': False, 'shape': (%d,), }" % count
    if bytes(data[10 : 10 + len(expected)]) == expected and start + 4 * count == len(data):
        return np.frombuffer(data, dtype="<u4", count=count, offset=start)
    raise ValueError(f"{key}.ids.npy is no whole vector of uint32")
