"""Packed sequences from a published token dataset, in an order that is a function of the seed and the epoch alone."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniforge.pipeline.reference import Dataset
from omniforge.tokenizers.vocabulary import Vocabulary, VocabularyLayout
from omniforge.trainer.corruption import LONGEST_TAIL
from omniforge.trainer.mixture import STREAMS, draws_per_epoch, window_range
from omniforge.trainer.packing import pack
from omniforge.trainer.shuffle import permuted, seed_of
from omniforge.trainer.span_reader import StoredSample, read_span
from omniforge.trainer.spans import SPAN_BYTES, DataError, SpanTable, plan_spans

READERS = 4
"""Range reads under way at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoaderConfig:
    """How samples become packed sequences.

    Attributes:
        sequence_length: Tokens of a packed sequence.
        window_samples: Samples that are shuffled and packed together; all of them are in memory.
        span_bytes: Least size of a range read, see `plan_spans`.
        verify: Read every shard once before training and hold it against its sha256.
    """

    sequence_length: int = 1024
    window_samples: int = 16_384
    span_bytes: int = SPAN_BYTES
    verify: bool = False

    def __post_init__(self) -> None:
        if self.sequence_length < 64 or self.window_samples < 1 or self.span_bytes < 1:
            raise ValueError(f"loader: {asdict(self)}; sequences need 64 tokens or more, windows and spans a positive size")


@dataclass(frozen=True, slots=True)
class Draw:
    """A sample at its place in the order of an epoch.

    Attributes:
        sample: The sample.
        name: Names this draw among all draws of a run, for seeds: a sample drawn again has another name.
        tail: Number of supervised pads behind it.
    """

    sample: StoredSample
    name: str
    tail: int

    @property
    def length(self) -> int:
        """Tokens with the tail."""
        return len(self.sample.ids) + self.tail


class NoSamplesError(DataError):
    """A split is empty."""


PackedRow = tuple[Draw, ...]
"""The samples of one packed sequence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """How far a run has come: packed sequence `sequence` of `epoch` is next.

    `window` and `row` say where that is, so that going on costs one window and not the epoch.
    """

    epoch: int = 0
    sequence: int = 0
    window: int = 0
    row: int = 0


@dataclass(slots=True, kw_only=True)
class Loader:
    """A split of a token dataset, mixed by weights; without weights every sample comes once an epoch.

    The spans of the whole dataset stand in one permuted order for each pass; each stream takes its own samples along that
    order, at its own pace, so streams that advance alike share their range reads. An epoch has as many draws as there are
    samples, cut into windows in which every stream has its share; a window is shuffled and packed. Every process works out
    every packed sequence, and takes its own.
    """

    dataset: Dataset
    weights: Mapping[str, float] | None
    config: LoaderConfig
    seed: int
    split: str = "train"
    table: SpanTable = field(init=False)
    vocabulary: Vocabulary = field(init=False)
    draws: dict[str, int] = field(init=False)
    _kept: dict[int, tuple[StoredSample, ...]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.table = plan_spans(self.dataset, self.split, self.config.sequence_length, self.config.span_bytes)
        self.vocabulary = vocabulary_of(self.dataset)
        available = self.table.available()
        if not any(available.values()):
            raise NoSamplesError(
                f"{self.dataset.reference} has no sample of split {self.split!r} of at most {self.table.longest} tokens "
                f"({self.table.too_long} are longer); raise loader.sequence_length or choose another dataset"
            )
        try:
            self.draws = draws_per_epoch(available, available if self.weights is None else self.weights)
        except ValueError as error:
            raise DataError(f"{self.dataset.reference}, split {self.split!r}: {error}") from None

    @property
    def windows(self) -> int:
        """Windows of an epoch."""
        return max(1, round(sum(self.draws.values()) / self.config.window_samples))

    def identity(self) -> dict[str, Any]:
        """Return all that decides the order; a `Position` means something under an equal identity alone."""
        return {
            "content_sha256": self.dataset.manifest.content_sha256,
            "split": self.split,
            "weights": dict(sorted((self.weights or {}).items())),
            "seed": self.seed,
            "sequence_length": self.config.sequence_length,
            "window_samples": self.config.window_samples,
            "span_bytes": self.config.span_bytes,
        }

    def rows(self, position: Position) -> Iterator[tuple[PackedRow, Position]]:
        """Yield packed sequences without end from `position` on, each with the position behind it."""
        epoch, sequence, window, skipped = position.epoch, position.sequence, position.window, position.row
        while True:
            packed = self.window(epoch, window)
            for row, draws in islice(enumerate(packed), skipped, None):
                sequence += 1
                yield draws, Position(epoch=epoch, sequence=sequence, window=window, row=row + 1)
            window, skipped = window + 1, 0
            if window == self.windows:
                epoch, sequence, window = epoch + 1, 0, 0

    def epoch(self, epoch: int) -> Iterator[PackedRow]:
        """Yield the packed sequences of one epoch."""
        for window in range(self.windows):
            yield from self.window(epoch, window)

    def window(self, epoch: int, window: int) -> list[PackedRow]:
        """Return the packed sequences of a window."""
        wanted: dict[int, list[tuple[str, int, int, int]]] = {}
        for stream, count in self.draws.items():
            start, stop = window_range(count, window, self.windows)
            for span, offset, run, first in self._pieces(stream, epoch * count + start, epoch * count + stop):
                wanted.setdefault(span, []).append((stream, offset, run, first))
        draws: list[Draw] = []
        kept: dict[int, tuple[StoredSample, ...]] = {}
        for span, samples in self._read(list(wanted)):
            for stream, offset, run, first in wanted[span]:
                own = [sample for sample in samples if sample.stream == STREAMS.index(stream)]
                draws += [self._draw(sample, stream, first + n) for n, sample in enumerate(own[offset : offset + run])]
                if offset + run < len(own):
                    kept[span] = samples
        self._kept = kept
        order = permuted(np.arange(len(draws)), max(len(draws), 1), seed_of(self.seed, "window", epoch, window))
        shuffled = [draws[index] for index in order.tolist()]
        rows = pack([draw.length for draw in shuffled], self.config.sequence_length)
        return [tuple(shuffled[index] for index in row) for row in rows]

    def _pieces(self, stream: str, start: int, stop: int) -> Iterator[tuple[int, int, int, int]]:
        """Cut draws start..stop-1 of a stream's endless passes at spans: (span, first sample in it, samples, first draw)."""
        column = STREAMS.index(stream)
        total = int(self.table.counts[:, column].sum())
        while start < stop:
            turn, inside = divmod(start, total)
            end = min(total, inside + stop - start)
            order, ends = self._order(column, turn)
            place = int(np.searchsorted(ends, inside, side="right"))
            while inside < end:
                span = int(order[place])
                offset = inside - int(ends[place] - self.table.counts[span, column])
                run = min(end, int(ends[place])) - inside
                yield span, offset, run, start
                start, inside, place = start + run, inside + run, place + 1
                while place < len(ends) and ends[place] <= inside:
                    place += 1

    def _order(self, column: int, turn: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the spans in the order of a pass, and how many samples of a stream lie up to the end of each."""
        spans = len(self.table.shard)
        order = permuted(np.arange(spans), spans, seed_of(self.seed, "spans", turn))
        return order, np.cumsum(self.table.counts[order, column], dtype=np.int64)

    def _read(self, spans: list[int]) -> Iterator[tuple[int, tuple[StoredSample, ...]]]:
        """Read spans in order, some at a time ahead; those at the edge of the window before are there already."""

        def read(span: int) -> tuple[StoredSample, ...]:
            there = self._kept.get(span)
            return there or read_span(self.dataset.store, self.table, span, self.split, self.vocabulary)

        with ThreadPoolExecutor(READERS) as readers:
            for start in range(0, len(spans), READERS):
                group = spans[start : start + READERS]
                yield from zip(group, readers.map(read, group), strict=True)

    def _draw(self, sample: StoredSample, stream: str, number: int) -> Draw:
        name = f"{stream}/{number}"
        if self.vocabulary.pad in sample.ids:
            return Draw(sample, name, 0)
        return Draw(sample, name, 1 + seed_of(self.seed, "tail", name) % LONGEST_TAIL)


def vocabulary_of(dataset: Dataset) -> Vocabulary:
    """Build the vocabulary that a token dataset's manifest describes.

    Raises:
        DataError: The manifest describes none.
    """
    described = dataset.manifest.content.vocabulary
    names = ("text_size", "base_specials", "modality_specials", "speech_codes", "image_codes")
    if missing := [name for name in names if name not in described]:
        raise DataError(f"{dataset.reference}: its manifest's vocabulary lacks {', '.join(missing)}; tokenize again")
    layout = VocabularyLayout(
        text_size=described["text_size"],
        base_specials=tuple(described["base_specials"]),
        modality_specials=tuple(described["modality_specials"]),
        speech_codes=described["speech_codes"],
        image_codes=described["image_codes"],
    )
    vocabulary = Vocabulary(layout)
    if described.get("fingerprint") != vocabulary.fingerprint:
        raise DataError(
            f"{dataset.reference}: its vocabulary has fingerprint {described.get('fingerprint')}, this version of omniforge "
            f"makes {vocabulary.fingerprint} of it; tokenize again"
        )
    return vocabulary
