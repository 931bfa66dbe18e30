"""Loss and accuracy by task, modality and noise level, summed so that batches and processes can be added up."""

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

from omniforge.trainer.loss import MaskedLoss


@dataclass(frozen=True, slots=True, kw_only=True)
class LossGroups:
    """What the table distinguishes.

    Attributes:
        tasks: Names, in the order of the batch's task numbers.
        modalities: Names, in the order of their ids in the vocabulary.
        boundaries: First id of every modality but the first.
        time_bins: Number of equal intervals of the noise level (0, 1].
    """

    tasks: tuple[str, ...]
    modalities: tuple[str, ...]
    boundaries: tuple[int, ...]
    time_bins: int = 5

    def __post_init__(self) -> None:
        if len(self.boundaries) != len(self.modalities) - 1 or sorted(self.boundaries) != list(self.boundaries):
            raise ValueError(
                f"loss groups: {len(self.modalities)} modalities need {len(self.modalities) - 1} ascending boundaries, "
                f"got {self.boundaries}"
            )

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Shape of a table: tasks, modalities, time bins, and the three sums (loss, hits, labels)."""
        return len(self.tasks), len(self.modalities), self.time_bins, 3


def tabulate(loss: MaskedLoss, labels: Tensor, tasks: Tensor, times: Tensor, groups: LossGroups) -> Tensor:
    """Sort one micro-batch's labels into groups.

    Args:
        loss: Result of the readout.
        labels: (rows, length) int64 of the batch.
        tasks: (rows, length) int64 task numbers.
        times: (rows, length) float32 noise levels.
        groups: What to distinguish.

    Returns:
        `groups.shape` float64 sums of unweighted cross-entropy (nats), of hits, and of labels; add tables freely.
    """
    boundaries = torch.tensor(groups.boundaries, device=labels.device)
    modality = torch.bucketize(labels[loss.selected], boundaries, right=True)
    time_bin = (times[loss.selected] * groups.time_bins).ceil().long().sub(1).clamp(0, groups.time_bins - 1)
    cell = (tasks[loss.selected] * len(groups.modalities) + modality) * groups.time_bins + time_bin
    values = torch.stack((loss.losses.double(), loss.hits.double(), torch.ones_like(loss.losses, dtype=torch.float64)), dim=1)
    table = values.new_zeros(len(groups.tasks) * len(groups.modalities) * groups.time_bins, 3)
    return table.index_add(0, cell, values).view(groups.shape)


def summarise_grounding(sums: Tensor) -> dict[str, float]:
    """Return the mean losses of what positions mean, of added `MaskedLoss.grounding`; nothing where there were none."""
    named = zip(("loss/grounding", "loss/mentions"), sums.tolist(), strict=True)
    return {name: loss / count for name, (loss, count) in named if count}


def summarise(table: Tensor, groups: LossGroups) -> dict[str, float]:
    """Return mean loss and accuracy of every group that occurs, such as `loss/task/t2i` or `accuracy/time/0.2-0.4`."""
    edges = [index / groups.time_bins for index in range(groups.time_bins + 1)]
    bins = tuple(f"{low:.2g}-{high:.2g}" for low, high in pairwise(edges))
    views = {
        "task": (groups.tasks, table.sum(dim=(1, 2))),
        "modality": (groups.modalities, table.sum(dim=(0, 2))),
        "time": (bins, table.sum(dim=(0, 1))),
    }
    named = [("all", table.sum(dim=(0, 1, 2)))]
    named += [(f"{view}/{name}", sums) for view, (names, rows) in views.items() for name, sums in zip(names, rows, strict=True)]
    result: dict[str, float] = {}
    for name, sums in named:
        loss, hits, count = sums.tolist()
        if count:
            result[f"loss/{name}"], result[f"accuracy/{name}"] = loss / count, hits / count
    return result
