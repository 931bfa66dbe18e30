"""The corpus as a trainer sees it: contiguous spans of shards, each fetched by one range read."""

import io
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from omniforge.pipeline.manifest import read_part
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import read_verified
from omniforge.schemas.manifest import Part
from omniforge.trainer.corruption import LONGEST_TAIL
from omniforge.trainer.mixture import STREAMS, stream_of

SPAN_BYTES = 8_000_000
"""Least size of a span of a larger shard; a span is smaller than twice this, unless one sample is larger."""
_TAR_BLOCK = 512


class DataError(ValueError):
    """The dataset cannot be trained from; the message names the dataset or shard, what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Shard:
    """A token shard of the manifest."""

    url: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class SpanTable:
    """All spans of a split, about 50 bytes of memory for each.

    Attributes:
        shards: The shards that hold a sample of the split.
        shard: (spans,) int32 index into `shards`.
        start: (spans,) int64 first byte of the span in its shard, the header of a tar member.
        stop: (spans,) int64 last byte plus one.
        counts: (spans, streams) int32 number of its samples of each of `STREAMS`.
        longest: Tokens of the longest sample that is counted.
        too_long: Number of samples left out because they are longer.
    """

    shards: tuple[Shard, ...]
    shard: NDArray[np.int32]
    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    counts: NDArray[np.int32]
    longest: int
    too_long: int

    def available(self) -> dict[str, int]:
        """Return the number of samples of each stream."""
        return {name: int(count) for name, count in zip(STREAMS, self.counts.sum(axis=0), strict=True)}


def plan_spans(dataset: Dataset, split: str, sequence_length: int, span_bytes: int = SPAN_BYTES) -> SpanTable:
    """Cut the shards of a token dataset into spans, one part of its index in memory at a time.

    Samples that would not fit into a packed sequence with the longest tail are left out whole and counted (nothing is cut).

    Args:
        dataset: A version of the token layer.
        split: `train`, or the held-out split for validation.
        sequence_length: Tokens of a packed sequence.
        span_bytes: Least size of a span; smaller shards are one span.

    Raises:
        DataError: The dataset is of another layer.
    """
    if dataset.manifest.content.layer != "tokens":
        raise DataError(f"{dataset.reference} is of the media layer; train from the token dataset made from it")
    shards: list[Shard] = []
    rows: list[pl.DataFrame] = []
    too_long = 0
    longest = sequence_length - LONGEST_TAIL
    for part in dataset.manifest.content.parts:
        index = _samples(dataset, part).filter(pl.col("split") == split)
        too_long += index.filter(pl.col("length") > longest).height
        units = read_part(dataset.store, part, "units").filter(pl.col("shard").is_not_null())
        spans = _spans(index.filter(pl.col("length") <= longest), units, span_bytes)
        lying = {row["unit"]: row for row in units.iter_rows(named=True)}
        numbers = {}
        for unit in spans["unit"].unique(maintain_order=True):
            numbers[unit] = len(shards)
            shards.append(Shard(lying[unit]["shard"], lying[unit]["shard_bytes"], lying[unit]["shard_sha256"]))
        # A part may have nothing of the split; polars would give its empty column the type of the units.
        number = pl.Series("number", [numbers[unit] for unit in spans["unit"]], dtype=pl.Int32)
        rows.append(spans.with_columns(number))
    table = pl.concat(rows)
    return SpanTable(
        shards=tuple(shards),
        shard=table["number"].to_numpy(),
        start=table["start"].to_numpy(),
        stop=table["stop"].to_numpy(),
        counts=table.select(STREAMS).to_numpy().astype(np.int32).reshape(-1, len(STREAMS)),
        longest=longest,
        too_long=too_long,
    )


def _samples(dataset: Dataset, part: Part) -> pl.DataFrame:
    columns = ["task", "split", "length", "image_tokens", "speech_tokens", "unit", "members"]
    return pl.read_parquet(io.BytesIO(read_verified(dataset.store, part.index)), columns=columns)


def _spans(index: pl.DataFrame, units: pl.DataFrame, span_bytes: int) -> pl.DataFrame:
    """Group samples into spans: (unit, start, stop, a count for each stream), in the order of the shards."""
    offset, size = pl.element().struct.field("offset"), pl.element().struct.field("size")
    padded = offset + (size + _TAR_BLOCK - 1) // _TAR_BLOCK * _TAR_BLOCK
    media = pl.col("image_tokens") + pl.col("speech_tokens")
    chat = pl.when(media > 0).then(pl.lit(stream_of("chat", 1))).otherwise(pl.lit(stream_of("chat", 0)))
    pieces = (pl.col("shard_bytes") // span_bytes).clip(1)
    return (
        index.join(units.select("unit", "shard_bytes"), on="unit", how="inner", maintain_order="left")
        .with_columns(
            pl.col("members").list.eval(offset).list.min().sub(_TAR_BLOCK).alias("start"),
            pl.col("members").list.eval(padded).list.max().alias("stop"),
            pl.when(pl.col("task") == "chat").then(chat).otherwise(pl.col("task")).alias("stream"),
        )
        .with_columns((pl.col("start") * pieces // pl.col("shard_bytes")).alias("piece"))
        .group_by("unit", "piece", maintain_order=True)
        .agg(
            pl.col("start").min(),
            pl.col("stop").max(),
            *((pl.col("stream") == name).sum().cast(pl.Int32).alias(name) for name in STREAMS),
        )
    )
