"""A whole run: lesson after lesson and stage after stage, each from the last one's checkpoint."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from omniforge.pipeline.reference import Dataset, open_dataset
from omniforge.tokenizers.vocabulary import Vocabulary
from omniforge.trainer.checkpoint import checkpoints, clear_remains, read_state
from omniforge.trainer.config import TrainConfig
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.origin import describe, origin_of
from omniforge.trainer.loader import vocabulary_of
from omniforge.trainer.loop import train_stage
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.model.codebooks import begin_at_codebook
from omniforge.trainer.model.config import named_config
from omniforge.trainer.model.growth import grow_vocabulary
from omniforge.trainer.model.nearness import begin_near, exact_layers
from omniforge.trainer.model.quietness import begin_quiet
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.parallel import by_first, joined
from omniforge.trainer.release import began_with
from omniforge.trainer.stages import Stage


def train(config: TrainConfig) -> Path:
    """Go through the stages of a run and return the last checkpoint.

    Run again after whatever stopped it, it goes on from the last whole checkpoint and ends with the same numbers. Several
    processes (`torchrun`, Ray Train) call it alike.

    Raises:
        ValueError: Something in the configuration, the data or a checkpoint is wrong; the message says what.
    """
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    with joined() as processes:
        # `@latest` is one version for all processes, whatever is published meanwhile.
        references = by_first(partial(_references, config), processes)
        datasets = {number: open_dataset(reference) for number, reference in references.items()}
        _hold_together(datasets)
        config.batch.rows_of_process(processes.world)
        for number, dataset in datasets.items():
            for stage in config.stage(number):
                folder = stage_folder(config, stage)
                there = by_first(partial(_ready, folder), processes)
                model = load_pretrained(there[-1], dtype=torch.float32) if there else first_weights(config, stage, dataset)
                began = None if there else by_first(partial(_began, config, stage), processes)
                last = train_stage(config, stage, dataset, model, folder, processes, began)
                if processes.first:
                    print(f"stage {stage.name}: {last}", file=sys.stderr, flush=True)
    return last


def _references(config: TrainConfig) -> dict[int, str]:
    return {number: open_dataset(config.data_of(number)).reference for number in config.stages}


def _hold_together(datasets: Mapping[int, Dataset]) -> None:
    """Hold the data of the stages of a run against each other, before any of them is trained."""
    last = max(datasets)
    for number, dataset in datasets.items():
        _hold_alike(number, dataset, last, datasets[last].reference, datasets[last].manifest.content.models)


def _hold_alike(number: int, dataset: Dataset, other: int, reference: str, models: Mapping[str, str]) -> None:
    """Hold the data of a stage against the tokenizers of another one's: a code has to mean the same in both.

    Raises:
        ValueError: They were made by different tokenizers.
    """
    own = dataset.manifest.content.models
    if differing := sorted(name for name in {*own, *models} if own.get(name) != models.get(name)):
        raise ValueError(
            f"stage {number} learns from {dataset.reference} and stage {other} from {reference}, which have another "
            f"{', '.join(differing)}: their tokens do not mean the same; tokenize both alike"
        )


def stage_folder(config: TrainConfig, stage: Stage) -> Path:
    """Return the folder of the checkpoints and metrics of a stage or a lesson."""
    return Path(config.output) / stage.folder


def _before(config: TrainConfig, stage: Stage) -> list[Path]:
    """List the checkpoints of what comes before: the lesson before, or for the first one the stage before."""
    lessons = [one for one in config.stage(stage.number) if one.lesson]
    earlier = lessons if not stage.lesson else lessons[: stage.lesson - 1]
    if earlier:
        return checkpoints(stage_folder(config, earlier[-1]))
    return checkpoints(Path(config.output) / f"stage-{stage.number - 1}")


def _ready(folder: Path) -> list[Path]:
    """Make a stage's folder, clear what a killed run left, and return the whole checkpoints in it."""
    folder.mkdir(parents=True, exist_ok=True)
    clear_remains(folder)
    return checkpoints(folder)


def _began(config: TrainConfig, stage: Stage) -> dict[str, Any] | None:
    """Tell of the model that `first_weights` takes from another run, if it does."""
    return began_with(config.start) if config.start is not None and not _before(config, stage) else None


def first_weights(config: TrainConfig, stage: Stage, dataset: Dataset) -> Dream:
    """Return the model that a stage or a lesson begins with.

    That is the last checkpoint of the lesson or the stage before, else the model the configuration names, else a fresh one.

    Raises:
        ValueError: A later stage has nothing to begin with, or a model does not fit the vocabulary.
    """
    vocabulary = vocabulary_of(dataset)
    number, before = stage.number, _before(config, stage)
    if before:
        state = read_state(before[-1])
        learnt = state.dataset
        _hold_alike(number, dataset, state.stage, str(learnt["reference"]), learnt["tokenizers"])
        return fitting(load_pretrained(before[-1], dtype=torch.float32), str(before[-1]), config, vocabulary)
    if config.start is not None:
        return fitting(load_pretrained(config.start, dtype=torch.float32), config.start, config, vocabulary)
    if number > 1:
        raise ValueError(
            f"stage {number} begins with the last checkpoint of stage {number - 1}, and there is none in {config.output}; "
            f"run stage {number - 1} first, or name a model as start=FOLDER"
        )
    named = named_config(
        config.model.size, vocab_size=vocabulary.size, mask_token_id=vocabulary.mask, pad_token_id=vocabulary.pad
    )
    model = Dream(replace(named, **config.model.changes()))
    initialise(model, config.seed)
    if config.model.codebooks or config.model.near:
        _begin_at_tokenizers(model, config, Codecs(origin_of(describe(dataset), dataset.reference)))
    begin_quiet(model, config.model.residual_scale, exact_layers(model.config) if config.model.near else 0)
    with torch.no_grad():
        model.model.embed_tokens.weight *= config.model.embedding_scale
    return model


def _begin_at_tokenizers(model: Dream, config: TrainConfig, codecs: Codecs) -> None:
    """Put what the tokenizers know into a fresh model: which codes are alike, and where the rows of a picture lie."""
    vocabulary = codecs.vocabulary
    if config.model.codebooks:
        begin_at_codebook(model, vocabulary.speech.start, codecs.speech.codebook, config.seed)
        begin_at_codebook(model, vocabulary.image.start, codecs.image.codebook, config.seed + 1)
    if config.model.near:
        rows = sorted({side // codecs.image.downsampling for side in (codecs.understanding, codecs.generation)})
        begin_near(model, config.model.near, [-1, 1, *(offset for row in rows for offset in (-row, row))])


def fitting(model: Dream, source: str, config: TrainConfig, vocabulary: Vocabulary) -> Dream:
    """Hold a model against the vocabulary of the data, and give it new rows if the configuration says so."""
    if model.config.vocab_size != vocabulary.size:
        if config.start_rows is None:
            raise ValueError(
                f"model {source} has {model.config.vocab_size} ids, the data {vocabulary.size}; if the data's vocabulary "
                "extends the model's, give the number of ids it was trained with as start_rows"
            )
        grow_vocabulary(model, vocabulary.size, config.start_rows, config.seed)
    for name, own, wanted in (
        ("mask", model.config.mask_token_id, vocabulary.mask),
        ("pad", model.config.pad_token_id, vocabulary.pad),
    ):
        if own != wanted:
            raise ValueError(f"model {source} has {name} id {own}, the data's vocabulary {wanted}; they do not belong together")
    return model
