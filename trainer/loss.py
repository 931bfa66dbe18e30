"""The training objective at masked positions, normalised over everything that one optimizer step sees."""

from dataclasses import dataclass, replace

import torch
import torch.distributed as distributed
import torch.nn.functional as functional
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from omniforge.trainer.corruption import IGNORE
from omniforge.trainer.model.transformer import Readout

LOGIT_ROWS = 1024
"""Positions whose logits exist at one time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskedLoss:
    """Cross-entropy of one micro-batch, over its M labels.

    Attributes:
        numerator: Scalar float32, the weighted sum of cross-entropies; carries the gradient.
        denominator: Scalar float32, the sum of the weights, equal to `label_weight` of the batch.
        losses: (M,) float32 cross-entropies, unweighted and detached.
        hits: (M,) bool, whether the likeliest token was the right one.
        selected: (rows, length) bool, the labels' places; `losses` follow them in row-major order.
        grounding: (2, 2) float32, for what positions mean halfway and for what a layer later: sum of the cross-entropies of the
            words, a mean for each position, and how many positions; detached.
    """

    numerator: Tensor
    denominator: Tensor
    losses: Tensor
    hits: Tensor
    selected: Tensor
    grounding: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounding:
    """What codes of pictures show and phrases mean, in words.

    Attributes:
        rows: (named,) int64 batch row of each position.
        columns: (named,) int64 its place in that row.
        later: (named,) int64, 0 for what it means halfway through the layers, 1 for what it means a layer later.
        words: (named, most words) int64 ids of its words, `IGNORE` behind the last one.
        weights: (named,) float32 weight of the position in the loss.
    """

    rows: Tensor
    columns: Tensor
    later: Tensor
    words: Tensor
    weights: Tensor


def counted_labels(labels: Tensor) -> Tensor:
    """Return where (rows, length) labels count: everywhere but at `IGNORE` and at the first position of a row."""
    selected = labels != IGNORE
    selected[:, 0] = False
    return selected


def label_weight(labels: Tensor, weights: Tensor) -> Tensor:
    """Return the weight of a batch's labels, known before any forward pass: the denominator of its loss, float32."""
    return weights[counted_labels(labels)].float().sum()


def masked_cross_entropy(labels: Tensor, weights: Tensor, logit_rows: int = LOGIT_ROWS) -> Readout[MaskedLoss]:
    """Make the readout that compares the prediction for each label with it.

    Logits are computed at the labels alone, `logit_rows` at a time in float32, and all but the last of them once more
    in the backward pass, so that memory does not grow with labels times vocabulary. The label of position i is
    predicted at position i - 1.

    Args:
        labels: (rows, length) int64, `IGNORE` where nothing is predicted; not shifted.
        weights: (rows, length) float32.
        logit_rows: Positions per chunk.
    """

    def readout(hidden: Tensor, head: nn.Linear) -> MaskedLoss:
        selected = counted_labels(labels)
        states, targets, scale = hidden[:, :-1][selected[:, 1:]], labels[selected], weights[selected].float()
        *earlier, last = zip(torch.split(states, logit_rows), torch.split(targets, logit_rows), strict=True)
        chunks = [
            checkpoint(_compare, part, target, head, use_reentrant=False, preserve_rng_state=False) for part, target in earlier
        ]
        # The backward pass starts with this one, so its logits can stay without raising the peak.
        chunks.append(_compare(*last, head))
        losses = torch.cat([loss for loss, _ in chunks])
        return MaskedLoss(
            numerator=(losses * scale).sum(),
            denominator=scale.sum(),
            losses=losses.detach(),
            hits=torch.cat([hits for _, hits in chunks]),
            selected=selected,
            grounding=losses.new_zeros(2, 2),
        )

    return readout


def grounded_cross_entropy(
    labels: Tensor, weights: Tensor, grounding: Grounding, logit_rows: int = LOGIT_ROWS
) -> Readout[MaskedLoss]:
    """Make the readout that also asks each code of a picture, halfway through the layers, what it shows.

    A response has a word or two for a picture of hundreds of codes, so what a picture shows is learnt very slowly from
    responses alone. Where it is known what lies at a code, the hidden state of that code halfway has to name it by the
    same head that writes words: deep supervision (Lee et al. 2015, arXiv 1409.5185) with the model's own vocabulary, as the
    logit lens reads it. Nothing is added to the model, and nothing to what is asked of it once it is trained.

    A phrase of a question is asked twice. Halfway it has to name what it tells by itself ("the big stars": large, star), which
    makes it alike to the codes that show such a thing; a layer later also what is found there (red). Which of several things a
    question is about is learnt from its answers alone as slowly as what they look like.

    Args:
        labels: As in `masked_cross_entropy`.
        weights: As there.
        grounding: The words, on the device of the labels.
        logit_rows: Positions per chunk.

    Returns:
        A readout of (3, rows, length, hidden_size) hidden states: the last ones, those of halfway, those of a layer later.
    """
    compare = masked_cross_entropy(labels, weights, logit_rows)

    def readout(hidden: Tensor, head: nn.Linear) -> MaskedLoss:
        loss = compare(hidden[0], head)
        states = hidden[1 + grounding.later, grounding.rows, grounding.columns]
        chunks = zip(torch.split(states, logit_rows), torch.split(grounding.words, logit_rows), strict=True)
        losses = torch.cat(
            [checkpoint(_name, part, words, head, use_reentrant=False, preserve_rng_state=False) for part, words in chunks]
        )
        return replace(
            loss,
            numerator=loss.numerator + (losses * grounding.weights).sum(),
            denominator=loss.denominator + grounding.weights.sum(),
            grounding=losses.new_zeros(2, 2).index_add(
                0, grounding.later, torch.stack((losses.detach(), torch.ones_like(losses)), dim=1)
            ),
        )

    return readout


def step_denominator(local: Tensor) -> Tensor:
    """Sum the `label_weight` of one process's micro-batches over all processes; the same number on each of them."""
    total = local.detach().clone()
    if distributed.is_available() and distributed.is_initialized():
        distributed.all_reduce(total)
    return total


def step_loss(numerator: Tensor, denominator: Tensor) -> Tensor:
    """Return the part of a step's loss that one micro-batch contributes; call `backward` on it.

    Dividing by the weight of the WHOLE step, not of the micro-batch, makes the gradient independent of how the step's
    samples are split over micro-batches and processes. Data-parallel wrappers average gradients over processes, so the
    number of processes is multiplied back in. A step without any label has loss 0.

    Args:
        numerator: `MaskedLoss.numerator` of the micro-batch.
        denominator: `step_denominator` of the step.
    """
    processes = distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1
    return numerator * processes / denominator.clamp_min(torch.finfo(torch.float32).tiny)


def _compare(states: Tensor, targets: Tensor, head: nn.Linear) -> tuple[Tensor, Tensor]:
    logits = head(states).float()
    return functional.cross_entropy(logits, targets, reduction="none"), logits.argmax(dim=-1) == targets


def _name(states: Tensor, words: Tensor, head: nn.Linear) -> Tensor:
    """Return the (named,) mean cross-entropy of the words of each position."""
    scores = head(states).float().log_softmax(dim=-1)
    there = words != IGNORE
    total: Tensor = (scores.gather(1, words.clamp_min(0)) * there).sum(dim=-1)
    return -total / there.sum(dim=-1)
