"""Packed rows as tensors: what one forward pass takes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from omniforge.trainer.corruption import IGNORE, Corrupted
from omniforge.trainer.model.attention import PADDING


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedBatch:
    """Rows of packed samples; every field is (rows, length).

    Attributes:
        input_ids: int64; pads fill the end of a row.
        labels: int64, `IGNORE` where nothing is predicted; not shifted.
        weights: float32 weight of each label.
        times: float32 noise level of each supervised position, for metrics.
        tasks: int64 number of the sample's task, for metrics.
        positions: int64, from 0 in every sample.
        document_ids: int64 number of the sample in its row, `PADDING` at the end of the row.
    """

    input_ids: Tensor
    labels: Tensor
    weights: Tensor
    times: Tensor
    tasks: Tensor
    positions: Tensor
    document_ids: Tensor


def assemble(rows: Sequence[Sequence[tuple[Corrupted, int]]], length: int, pad_id: int) -> PackedBatch:
    """Lay corrupted samples, each with the number of its task, side by side into rows of `length` tokens.

    The first token of a sample never is a label: what would predict it belongs to another sample.

    Raises:
        ValueError: A row's samples are longer than the row.
    """
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
        for document, (sample, task) in enumerate(samples):
            stop = start + len(sample.input_ids)
            if stop > length:
                raise ValueError(f"packing: the samples of row {row} need {stop} tokens or more, the row has {length}")
            ids[row, start:stop] = sample.input_ids
            labels[row, start + 1 : stop] = sample.labels[1:]
            weights[row, start + 1 : stop] = sample.weights[1:]
            times[row, start:stop] = sample.times
            tasks[row, start:stop] = task
            positions[row, start:stop] = torch.arange(stop - start)
            documents[row, start:stop] = document
            start = stop
    return PackedBatch(
        input_ids=ids,
        labels=labels,
        weights=weights,
        times=times,
        tasks=tasks,
        positions=positions,
        document_ids=documents,
    )
