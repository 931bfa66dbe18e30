"""Packed rows as tensors: what one forward pass takes."""

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

from omniforge.tokenizers.sensevoice.encoder import QUERIES
from omniforge.trainer.corruption import IGNORE, Corrupted
from omniforge.trainer.loss import Grounding, label_weight
from omniforge.trainer.model.attention import PADDING
from omniforge.trainer.model.audio import AudioClips


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechInput:
    """A clip of continuous speech in a sample.

    Attributes:
        features: (frames, 560) float32 of the SenseVoice front end.
        start: Position in the sample of the first of its frames + 4 `<|context_of_audio|>` ids.
    """

    features: Tensor
    start: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSample:
    """A corrupted sample, the number of its task, and its continuous speech, if any.

    Attributes:
        corrupted: The sample.
        task: Number of its task.
        speech: Its clips.
        grounded: (named,) int64 positions of which it is known what they mean.
        later: (named,) int64, 0 where they mean it halfway through the layers, 1 where a layer later (`loss.Grounding`).
        words: (named, most words) int64 ids of the words for it, `IGNORE` behind the last one of each.
        grounding_weights: What a position weighs in the loss, all its words together, halfway and a layer later.
    """

    corrupted: Corrupted
    task: int
    speech: tuple[SpeechInput, ...] = ()
    grounded: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    later: Tensor = field(default_factory=lambda: torch.zeros(0, dtype=torch.int64))
    words: Tensor = field(default_factory=lambda: torch.zeros(0, 0, dtype=torch.int64))
    grounding_weights: tuple[float, float] = (0.0, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBatch:
    """Rows of packed samples; every tensor is (rows, length).

    Attributes:
        input_ids: int64; pads fill the end of a row.
        labels: int64, `IGNORE` where nothing is predicted; not shifted.
        weights: float32 weight of each label.
        times: float32 noise level of each supervised position, for metrics.
        tasks: int64 number of the sample's task, for metrics.
        positions: int64, from 0 in every sample.
        document_ids: int64 number of the sample in its row, `PADDING` at the end of the row.
        audio: Continuous speech of all samples, None where there is none.
        grounding: What codes show and phrases mean, None where nothing is known or it weighs nothing.
    """

    input_ids: Tensor
    labels: Tensor
    weights: Tensor
    times: Tensor
    tasks: Tensor
    positions: Tensor
    document_ids: Tensor
    audio: AudioClips | None = None
    grounding: Grounding | None = None

    @property
    def weight(self) -> Tensor:
        """Weight of all labels, those of the grounding with them, known before any forward pass; float32 scalar."""
        weight = label_weight(self.labels, self.weights)
        return weight if self.grounding is None else weight + self.grounding.weights.sum()

    def to(self, device: torch.device) -> "PackedBatch":
        """Return the batch on `device`; from pinned memory the copy is asynchronous."""
        return _move(self, device)


def assemble(rows: Sequence[Sequence[TrainingSample]], length: int, pad_id: int) -> PackedBatch:
    """Lay corrupted samples side by side into rows of `length` tokens.

    The first token of a sample never is a label: what would predict it belongs to another sample.

    Raises:
        ValueError: A row's samples are longer than the row, or a clip's vectors do not fit into its sample.
    """
    clips: list[tuple[SpeechInput, int, int]] = []
    grounded: list[tuple[TrainingSample, int, int]] = []
    shape = (len(rows), length)
    ids, labels = torch.full(shape, pad_id), torch.full(shape, IGNORE)
    weights, times = torch.zeros(shape), torch.zeros(shape)
    tasks, positions, documents = (
        torch.zeros(shape, dtype=torch.int64),
        torch.zeros(shape, dtype=torch.int64),
        torch.full(shape, PADDING),
    )
    for row, samples in enumerate(rows):
        start = 0
        for document, packed in enumerate(samples):
            sample = packed.corrupted
            stop = start + len(sample.input_ids)
            if stop > length:
                raise ValueError(f"packing: the samples of row {row} need {stop} tokens or more, the row has {length}")
            ids[row, start:stop] = sample.input_ids
            labels[row, start + 1 : stop] = sample.labels[1:]
            weights[row, start + 1 : stop] = sample.weights[1:]
            times[row, start:stop] = sample.times
            tasks[row, start:stop] = packed.task
            positions[row, start:stop] = torch.arange(stop - start)
            documents[row, start:stop] = document
            clips += [(speech, row, _place(speech, start, stop)) for speech in packed.speech]
            grounded.append((packed, row, start))
            start = stop
    return PackedBatch(
        input_ids=ids,
        labels=labels,
        weights=weights,
        times=times,
        tasks=tasks,
        positions=positions,
        document_ids=documents,
        audio=_collect(clips) if clips else None,
        grounding=_ground(grounded),
    )


def _ground(samples: Sequence[tuple[TrainingSample, int, int]]) -> Grounding | None:
    """Collect what positions of samples mean that begin at columns of rows, as far as it weighs something."""
    most = max((sample.words.shape[1] for sample, _, _ in samples), default=0)
    parts = []
    for sample, row, start in samples:
        weights = torch.tensor(sample.grounding_weights)[sample.later]
        asked = weights > 0
        columns = sample.grounded[asked] + start
        words = pad(sample.words[asked], (0, most - sample.words.shape[1]), value=IGNORE)
        parts.append((torch.full_like(columns, row), columns, sample.later[asked], words, weights[asked]))
    if not any(len(columns) for _, columns, *_ in parts):
        return None
    rows, columns, later, words, weights = (torch.cat(tensors) for tensors in zip(*parts, strict=True))
    return Grounding(rows=rows, columns=columns, later=later, words=words, weights=weights)


def _place(speech: SpeechInput, start: int, stop: int) -> int:
    last = start + speech.start + len(speech.features) + QUERIES
    if speech.start < 0 or last > stop:
        raise ValueError(
            f"packing: a clip of {len(speech.features)} frames at position {speech.start} does not fit into a sample of "
            f"{stop - start} tokens; it needs {QUERIES} positions more than frames"
        )
    return start + speech.start


def _collect(clips: Sequence[tuple[SpeechInput, int, int]]) -> AudioClips:
    lengths = torch.tensor([len(speech.features) for speech, _, _ in clips])
    return AudioClips(
        features=pad_sequence([speech.features for speech, _, _ in clips], batch_first=True),
        lengths=lengths,
        rows=torch.repeat_interleave(torch.tensor([row for _, row, _ in clips]), lengths + QUERIES),
        columns=torch.cat([torch.arange(len(speech.features) + QUERIES) + column for speech, _, column in clips]),
    )


Tensors = TypeVar("Tensors", PackedBatch, AudioClips, Grounding)


def _move(container: Tensors, device: torch.device) -> Tensors:
    values = {item.name: getattr(container, item.name) for item in fields(container)}
    moved: dict[str, Any] = {
        name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else _move(value, device)
        for name, value in values.items()
        if value is not None
    }
    return replace(container, **moved)
