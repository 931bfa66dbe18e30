"""What one optimizer step sees: packed sequences corrupted, and laid into this process's micro-batches."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch

from omniforge.tokenizers.vocabulary import Vocabulary
from omniforge.trainer.batch import PackedBatch, SpeechInput, TrainingSample, assemble
from omniforge.trainer.corruption import IGNORE, Corrupted, Objective, TokenIds, append_tail, corrupt, stratified_times
from omniforge.trainer.loader import Draw, Loader, PackedRow, Position
from omniforge.trainer.shuffle import seed_of


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchConfig:
    """What a step is made of.

    Attributes:
        rows: Packed sequences of a step, over all processes.
        micro_rows: Packed sequences of one forward pass of one process; the rest is accumulation.
        objective: `mdm` or `reference`, see `corruption`.
        tail_ratio: Factor on the masking probability of tail pads, where not everything is masked.
        image_weight: Factor on the weights of picture codes in the loss. A drawn picture has hundreds of them and an answer
            three words: at 1 almost all that is learnt is about pictures.
        speech_weight: The same of speech codes.
        fully_masked: Share of samples in which everything supervised is masked, the tail with it, as when sampling begins; the
            noise levels of the others are spread evenly. In an answer of a few words little else has to be learnt. With `mdm`.
        equal_weights: Let every label count alike, as it does in `reference`. In `mdm` the 1 / time of the likelihood bound
            makes a few labels of hardly masked samples most of a small step.
        grounding: Weight, in the loss, of each code of a picture of which the data knows what it shows (`regions` of the
            record), where it is predicted if it has to be drawn, and of each phrase of which it knows what it tells
            (`mentions`): halfway through the layers it has to name that (`loss.grounded_cross_entropy`). At 0 it is not asked.
        mentions: Weight of each phrase of which the data knows what it means: a layer later it has to name that.
    """

    rows: int = 8
    micro_rows: int = 8
    objective: Objective = "mdm"
    tail_ratio: float = 0.6
    image_weight: float = 1.0
    speech_weight: float = 1.0
    fully_masked: float = 0.0
    equal_weights: bool = False
    grounding: float = 0.0
    mentions: float = 0.0

    def __post_init__(self) -> None:
        if self.rows < 1 or self.micro_rows < 1:
            raise ValueError(f"batch: rows {self.rows} and micro_rows {self.micro_rows} are at least 1")
        if not 0 <= self.fully_masked <= 1:
            raise ValueError(f"batch: fully_masked is {self.fully_masked}; it is a share of the samples, from 0 to 1")
        for name, weight in (("grounding", self.grounding), ("mentions", self.mentions)):
            if not (weight >= 0 and math.isfinite(weight)):
                raise ValueError(f"batch: {name} is {weight}; give 0, or about 1 to weigh as much as a word of an answer")
        if min(self.image_weight, self.speech_weight) <= 0:
            raise ValueError(
                f"batch: image_weight {self.image_weight} and speech_weight {self.speech_weight} have to be above 0; to learn "
                "nothing of a kind, leave its tasks out of the weights of the stage"
            )

    def rows_of_process(self, world: int) -> int:
        """Return the rows of one of `world` processes in a step, a multiple of `micro_rows`.

        Raises:
            ValueError: They do not come out even.
        """
        if self.rows % (world * self.micro_rows):
            raise ValueError(
                f"batch: {self.rows} rows a step are no multiple of {world} processes x {self.micro_rows} micro_rows; "
                "change batch.rows or batch.micro_rows"
            )
        return self.rows // world


@dataclass(frozen=True, slots=True, kw_only=True)
class StepBatch:
    """One process's part of a step.

    Attributes:
        micro: Its micro-batches.
        keys: Keys of all the samples of the step, those of other processes included.
        tokens: Tokens of the step, tails included, row padding not.
        capacity: Places of the step, filled or not.
        position: Where the data goes on after this step.
    """

    micro: tuple[PackedBatch, ...]
    keys: tuple[str, ...]
    tokens: int
    capacity: int
    position: Position


def step_batches(loader: Loader, config: BatchConfig, position: Position, rank: int = 0, world: int = 1) -> Iterator[StepBatch]:
    """Yield steps without end from `position` on.

    Row n of a step belongs to process n mod world. Noise depends on the seed, on the place of the step in the data and on the
    sample, so it is the same for any number of processes, any `micro_rows`, and after a restart.
    """
    config.rows_of_process(world)
    rows = loader.rows(position)
    while True:
        taken = [next(rows) for _ in range(config.rows)]
        packed = [draws for draws, _ in taken]
        seed = seed_of(loader.seed, "times", position.epoch, position.sequence)
        noise = noise_levels(packed, seed, config.fully_masked)
        mine = list(range(rank, config.rows, world))
        position = taken[-1][1]
        yield StepBatch(
            micro=tuple(
                pack_rows(
                    [packed[n] for n in mine[start : start + config.micro_rows]],
                    [noise[n] for n in mine[start : start + config.micro_rows]],
                    loader,
                    config,
                )
                for start in range(0, len(mine), config.micro_rows)
            ),
            keys=tuple(draw.sample.key for draws in packed for draw in draws),
            tokens=sum(draw.length for draws in packed for draw in draws),
            capacity=config.rows * loader.config.sequence_length,
            position=position,
        )


def noise_levels(rows: Sequence[PackedRow], seed: int, fully_masked: float = 0.0) -> list[list[float]]:
    """Draw a noise level for each sample, stratified over the whole step; a share of them is 1."""
    count = sum(map(len, rows))
    drawn = stratified_times(count, torch.Generator().manual_seed(seed))
    # The highest strata become 1 and the others are spread over what they leave, in an order that is random already.
    levels = iter((drawn / (1 - fully_masked)).clamp(max=1.0).tolist() if fully_masked < 1 else [1.0] * count)
    return [[next(levels) for _ in row] for row in rows]


def pack_rows(rows: Sequence[PackedRow], levels: Sequence[Sequence[float]], loader: Loader, config: BatchConfig) -> PackedBatch:
    """Corrupt the samples of some rows at their noise levels and lay them side by side."""
    samples = [
        [training_sample(draw, level, loader, config) for draw, level in zip(draws, row_levels, strict=True)]
        for draws, row_levels in zip(rows, levels, strict=True)
    ]
    return assemble(samples, loader.config.sequence_length, loader.vocabulary.pad)


def training_sample(draw: Draw, level: float, loader: Loader, config: BatchConfig) -> TrainingSample:
    """Append a draw's tail and replace supervised tokens by the mask, reproducibly for the draw's name."""
    sample, tokens = draw.sample, TokenIds(mask=loader.vocabulary.mask, pad=loader.vocabulary.pad)
    ids = torch.from_numpy(sample.ids.astype("int64"))
    labels = torch.full_like(ids, IGNORE)
    for start, stop in sample.loss_spans:
        labels[start:stop] = ids[start:stop]
    if draw.tail:
        ids, labels = append_tail(ids, labels, tokens.pad, draw.tail)
    generator = torch.Generator().manual_seed(seed_of(loader.seed, "mask", draw.name))
    speech = tuple(
        SpeechInput(features=torch.from_numpy(frames).float(), start=start)
        for (start, _), frames in zip(sample.continuous, sample.features, strict=True)
    )
    # A pad that is left to see tells where the response ends, which nobody knows when sampling begins.
    tail_ratio = 1.0 if level == 1.0 and config.objective == "mdm" else config.tail_ratio
    corrupted = corrupt(config.objective, ids, labels, level, tokens, generator, tail_ratio)
    if config.equal_weights:
        corrupted = replace(corrupted, weights=(corrupted.weights > 0).float())
    return TrainingSample(
        corrupted=_weighed(corrupted, loader.vocabulary, config),
        task=sample.stream,
        speech=speech,
        grounded=torch.from_numpy(sample.grounded),
        later=torch.from_numpy(sample.later),
        words=torch.from_numpy(sample.words),
        grounding_weights=(config.grounding, config.mentions),
    )


def _weighed(corrupted: Corrupted, vocabulary: Vocabulary, config: BatchConfig) -> Corrupted:
    weights = corrupted.weights.clone()
    for ids, factor in ((vocabulary.image, config.image_weight), (vocabulary.speech, config.speech_weight)):
        weights[(corrupted.labels >= ids.start) & (corrupted.labels < ids.stop)] *= factor
    return replace(corrupted, weights=weights)
