"""What the model is asked to restore: tail padding, and two ways of replacing supervised tokens by the mask token."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

Objective = Literal["reference", "mdm"]
"""The public implementation's corruption, or masked diffusion proper."""

IGNORE = -100
"""Label of a position that is not predicted."""
REFERENCE_EPS = 1e-3
"""Lowest masking probability of an ordinary token under `corrupt_reference`."""
LONGEST_TAIL = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenIds:
    """The two ids that corruption writes."""

    mask: int
    pad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Corrupted:
    """One sample as the model sees it; all fields are (length,).

    Attributes:
        input_ids: int64, the mask id where a token is to be predicted.
        labels: int64, the token at those places and `IGNORE` elsewhere; NOT shifted.
        weights: float32 weight of each label in the loss, 0 where there is none.
        times: float32 noise level of each supervised position (how likely it was to be masked), 0 elsewhere.
    """

    input_ids: Tensor
    labels: Tensor
    weights: Tensor
    times: Tensor


def append_tail(ids: Tensor, labels: Tensor, pad_id: int, count: int) -> tuple[Tensor, Tensor]:
    """Append `count` supervised pads to a (length,) sample that holds no pad yet, so that the model learns to end.

    A sample in which the pad id occurs already is returned as it is (SPEC.md section 3, step 2).
    """
    if bool((ids == pad_id).any()):
        return ids, labels
    tail = ids.new_full((count,), pad_id)
    return torch.cat((ids, tail)), torch.cat((labels, tail.to(labels.dtype)))


def draw_tail_length(generator: torch.Generator) -> int:
    """Draw 1 to `LONGEST_TAIL`, uniformly."""
    return int(torch.randint(1, LONGEST_TAIL + 1, (), generator=generator))


def supervised_span(labels: Tensor) -> slice:
    """Return the interval from the first to the last supervised position, user turns in between included.

    Raises:
        ValueError: Nothing is supervised.
    """
    supervised = torch.nonzero(labels != IGNORE).flatten()
    if not len(supervised):
        raise ValueError("corruption: the sample has no supervised token; leave it out of the training data")
    return slice(int(supervised[0]), int(supervised[-1]) + 1)


def corrupt(
    objective: Objective,
    ids: Tensor,
    labels: Tensor,
    time: float,
    tokens: TokenIds,
    generator: torch.Generator,
    tail_ratio: float = 0.6,
) -> Corrupted:
    """Draw what `objective` needs and corrupt one sample.

    Args:
        objective: `mdm` uses `time`; `reference` draws a noise level for every token and leaves `time` unused.
        ids: (length,) int64 sample, tail included.
        labels: (length,) int64, `IGNORE` where nothing is supervised.
        time: Noise level of the sample, from `stratified_times`.
        tokens: Mask and pad id.
        generator: Of this sample's draws.
        tail_ratio: Factor on the masking probability of pads.
    """
    if objective == "mdm":
        return corrupt_mdm(ids, labels, time, torch.rand(len(ids), generator=generator), tokens, tail_ratio)
    span = supervised_span(labels)
    times, draws = torch.rand(2, span.stop - span.start, generator=generator)
    return corrupt_reference(ids, labels, times, draws, tokens, tail_ratio)


def corrupt_reference(
    ids: Tensor, labels: Tensor, times: Tensor, draws: Tensor, tokens: TokenIds, tail_ratio: float = 0.6
) -> Corrupted:
    """Mask as the public implementation does: every supervised token has a noise level of its own.

    So each ordinary token is masked with probability 0.5005 whatever its neighbours are, and states in which nearly
    everything is masked, where sampling starts, are hardly ever seen. Every label weighs 1. See SPEC.md section 3.

    Args:
        ids: (length,) int64 sample, tail included.
        labels: (length,) int64, `IGNORE` where nothing is supervised.
        times: (span,) float32 uniform draws for the noise levels, over `supervised_span(labels)`.
        draws: (span,) float32 uniform draws that decide.
        tokens: Mask and pad id.
        tail_ratio: Factor on the masking probability of pads.
    """
    span = supervised_span(labels)
    threshold = torch.zeros(len(ids))
    threshold[span] = (1 - REFERENCE_EPS) * times + REFERENCE_EPS
    scores = torch.ones(len(ids))
    scores[span] = draws
    probability = torch.where(labels == tokens.pad, tail_ratio * threshold, threshold)
    masked = (scores <= probability) & (labels != IGNORE)
    return _corrupted(ids, labels, masked, torch.ones(len(ids)), threshold, tokens)


def corrupt_mdm(
    ids: Tensor, labels: Tensor, time: float, draws: Tensor, tokens: TokenIds, tail_ratio: float = 0.6
) -> Corrupted:
    """Mask as masked diffusion prescribes: one noise level for the whole sample, and labels that weigh 1 / time.

    Each supervised token is masked with probability `time`, pads with `tail_ratio * time`. The weight makes the
    expected loss a bound on the likelihood; pads count `tail_ratio` times as much as other tokens.

    Args:
        ids: (length,) int64 sample, tail included.
        labels: (length,) int64, `IGNORE` where nothing is supervised.
        time: Noise level in (0, 1], from `stratified_times`.
        draws: (length,) float32 uniform draws in [0, 1).
        tokens: Mask and pad id.
        tail_ratio: Factor on the masking probability of pads.

    Raises:
        ValueError: `time` is outside (0, 1].
    """
    if not 0 < time <= 1:
        raise ValueError(f"corruption: time {time} is outside (0, 1]; draw it with stratified_times")
    probability = torch.where(labels == tokens.pad, tail_ratio * time, time)
    masked = (draws < probability) & (labels != IGNORE)
    level = torch.full((len(ids),), time)
    return _corrupted(ids, labels, masked, 1 / level, level, tokens)


def stratified_times(count: int, generator: torch.Generator, lowest: float = 0.01) -> Tensor:
    """Draw `count` noise levels that cover [lowest, 1] evenly, in random order.

    One level falls into each of `count` equal intervals, which takes most of the variance of the 1 / time weights out of
    a batch. `lowest` bounds the largest weight (100): below it a sample of ordinary length has hardly a masked token.

    Returns:
        (count,) float32; each by itself is uniform.
    """
    strata = torch.randperm(count, generator=generator) + torch.rand(count, generator=generator)
    return lowest + (1 - lowest) * strata / max(count, 1)


def _corrupted(ids: Tensor, labels: Tensor, masked: Tensor, weights: Tensor, times: Tensor, tokens: TokenIds) -> Corrupted:
    return Corrupted(
        input_ids=torch.where(masked, tokens.mask, ids),
        labels=torch.where(masked, labels, IGNORE),
        weights=torch.where(masked, weights, 0.0),
        times=torch.where(labels != IGNORE, times, 0.0),
    )
