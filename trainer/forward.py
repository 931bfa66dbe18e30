"""Forward and backward passes of a step."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from omniforge.trainer.batch import PackedBatch
from omniforge.trainer.loss import MaskedLoss, grounded_cross_entropy, masked_cross_entropy, step_denominator, step_loss
from omniforge.trainer.loss_table import LossGroups, tabulate
from omniforge.trainer.model.attention import document_attention
from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.parallel import Processes, summed

Precision = Literal["float32", "bfloat16"]


@dataclass(frozen=True, slots=True)
class StepResult:
    """Loss of a step over all processes, and this process's losses by group and of what positions mean (`MaskedLoss`)."""

    loss: float
    table: Tensor
    grounding: Tensor


def forward(model: Dream, batch: PackedBatch, precision: Precision) -> MaskedLoss:
    """Run a micro-batch whose tensors are on the model's device."""
    grounding = batch.grounding
    readout = (
        masked_cross_entropy(batch.labels, batch.weights)
        if grounding is None
        else grounded_cross_entropy(batch.labels, batch.weights, grounding)
    )
    with torch.autocast(batch.input_ids.device.type, torch.bfloat16, enabled=precision == "bfloat16"):
        loss: MaskedLoss = model(
            batch.input_ids,
            batch.positions,
            document_attention(batch.document_ids),
            readout,
            batch.audio,
            halfway=grounding is not None,
        )
    return loss


def accumulate(
    model: Dream, micro: Sequence[PackedBatch], groups: LossGroups, precision: Precision, processes: Processes
) -> StepResult:
    """Add the gradient of a whole step to the parameters, micro-batch by micro-batch.

    Each contributes its part of the loss of the WHOLE step, divided by the weight of the labels of all processes and
    micro-batches, so the gradient does not depend on how the step is split.
    """
    device = processes.device
    denominator = step_denominator(torch.stack([batch.weight for batch in micro]).sum().to(device))
    numerator = torch.zeros((), device=device)
    table = torch.zeros(groups.shape, dtype=torch.float64, device=device)
    grounding = torch.zeros(2, 2, dtype=torch.float64, device=device)
    for batch in micro:
        placed = batch.to(device)
        loss = forward(model, placed, precision)
        step_loss(loss.numerator, denominator).backward()  # type: ignore[no-untyped-call]
        numerator += loss.numerator.detach()
        table += tabulate(loss, placed.labels, placed.tasks, placed.times, groups)
        grounding += loss.grounding
    return StepResult(float(summed(numerator, processes) / denominator.clamp_min(1e-30)), table, grounding)
