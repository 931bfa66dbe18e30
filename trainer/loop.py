"""One stage or lesson, from its first step or its last checkpoint to its end."""

import json
import math
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from omniforge.pipeline.reference import Dataset
from omniforge.trainer.batch import PackedBatch
from omniforge.trainer.checkpoint import (
    CheckpointError,
    TrainingState,
    checkpoints,
    load_optimizer,
    read_state,
    save_checkpoint,
)
from omniforge.trainer.config import TrainConfig
from omniforge.trainer.forward import accumulate
from omniforge.trainer.generation.origin import describe
from omniforge.trainer.loader import Loader, NoSamplesError, Position
from omniforge.trainer.loss_table import LossGroups, summarise, summarise_grounding
from omniforge.trainer.metrics import Progress, Recorder
from omniforge.trainer.mixture import STREAMS
from omniforge.trainer.model.compilation import compile_positions
from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.optimizer import clip_gradient, freeze, learning_rate, make_optimizer, set_learning_rate
from omniforge.trainer.parallel import Processes, by_first, shard, summed
from omniforge.trainer.prefetch import prefetched
from omniforge.trainer.span_reader import verify_shards
from omniforge.trainer.stages import Stage
from omniforge.trainer.step_batch import StepBatch, step_batches
from omniforge.trainer.validation import validate, validation_batches

STEPS_AHEAD = 4
"""Steps whose data is prepared in the background."""


class TrainingError(ValueError):
    """A run cannot go on; the message says why, where the evidence lies and what to do."""


@dataclass(slots=True, kw_only=True)
class StageRun:
    """A stage under way."""

    config: TrainConfig
    stage: Stage
    folder: Path
    processes: Processes
    loader: Loader
    groups: LossGroups
    held_out: Sequence[PackedBatch]
    model: Dream
    optimizer: torch.optim.Optimizer
    state: TrainingState
    progress: Progress
    recorder: Recorder | None
    table: Tensor = field(init=False)
    grounding: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.grounding = torch.zeros(2, 2, dtype=torch.float64, device=self.processes.device)
        self.table = torch.zeros(self.groups.shape, dtype=torch.float64, device=self.processes.device)


def train_stage(
    config: TrainConfig,
    stage: Stage,
    dataset: Dataset,
    model: Dream,
    folder: Path,
    processes: Processes,
    began: dict[str, Any] | None = None,
) -> Path:
    """Train `model`, which holds the stage's first weights or those of its last checkpoint; return the final checkpoint.

    `began` tells of first weights that are of another run; a checkpoint knows it of itself.
    """
    run = _prepare(config, stage, dataset, model, folder, processes, began)
    if run.state.step == 0:
        _record(run, validate(run.model, run.held_out, run.groups, config.precision, processes))
    batches = prefetched(
        step_batches(run.loader, config.batch, run.state.position, processes.rank, processes.world), STEPS_AHEAD
    )
    with closing(batches):
        for batch in islice(batches, stage.steps - run.state.step):
            values = _step(run, batch)
            step, last = run.state.step, run.state.step == stage.steps
            saving = last or step % config.checkpoint.every == 0
            if saving or step % config.log_every == 0:
                values |= _losses_by_group(run)
            if last or step % config.validation.every == 0:
                values |= validate(run.model, run.held_out, run.groups, config.precision, processes)
            _record(run, values)
            if saving:
                save_checkpoint(folder, run.model, run.optimizer, run.state, processes, config.checkpoint.keep)
    if run.recorder is not None:
        run.recorder.close()
    return checkpoints(folder)[-1]


def _prepare(
    config: TrainConfig,
    stage: Stage,
    dataset: Dataset,
    model: Dream,
    folder: Path,
    processes: Processes,
    began: dict[str, Any] | None,
) -> StageRun:
    loader = Loader(dataset=dataset, weights=stage.weights, config=config.loader, seed=config.seed)
    if config.loader.verify:
        by_first(partial(verify_shards, dataset.store, loader.table), processes)
    there = checkpoints(folder)
    description = by_first(partial(describe, dataset), processes)
    fresh = TrainingState(
        stage=stage.number,
        lesson=stage.lesson,
        step=0,
        steps=stage.steps,
        updates=0,
        skipped=0,
        tokens=0,
        position=Position(),
        identity=loader.identity(),
        settings=settings_of(config, stage, model),
        dataset=description,
        began=began,
    )
    state = _going_on(fresh, there[-1]) if there else fresh
    freeze(model, stage.frozen)
    model.to(processes.device).train()
    shard(model, processes)
    if config.compile:
        compile_positions(model)
    optimizer = make_optimizer(model, config.optimizer)
    if there:
        load_optimizer(there[-1], model, optimizer, state.updates)
    if processes.first:
        _announce(stage, loader, state)
    return StageRun(
        config=config,
        stage=stage,
        folder=folder,
        processes=processes,
        loader=loader,
        groups=loss_groups(loader),
        held_out=_held_out(config, dataset, processes),
        model=model,
        optimizer=optimizer,
        state=state,
        progress=Progress(stage=stage.number, steps=stage.steps, step=state.step, shown_here=processes.first),
        recorder=Recorder(folder, state.step) if processes.first else None,
    )


def _step(run: StageRun, batch: StepBatch) -> dict[str, float]:
    """Take one optimizer step, or skip it if its gradient is not finite; the batch is used up either way."""
    state, stage = run.state, run.stage
    rate = learning_rate(state.step, stage.steps, stage.lr, run.config.optimizer)
    result = accumulate(run.model, batch.micro, run.groups, run.config.precision, run.processes)
    norm = clip_gradient(run.model, run.config.optimizer.clip)
    finite = math.isfinite(norm)
    if finite:
        set_learning_rate(run.optimizer, rate)
        run.optimizer.step()
        run.table += result.table
        run.grounding += result.grounding
    run.optimizer.zero_grad()
    run.state = replace(
        state,
        step=state.step + 1,
        updates=state.updates + finite,
        skipped=state.skipped + (not finite),
        tokens=state.tokens + batch.tokens,
        position=batch.position,
    )
    if not finite:
        _report_skipped(run, batch, result.loss, norm)
    run.progress.advance(batch.tokens, result.loss)
    return {
        "loss": result.loss,
        "learning_rate": rate,
        "gradient_norm": norm,
        "fill": batch.tokens / batch.capacity,
        "epoch": float(batch.position.epoch),
        "skipped": float(run.state.skipped),
        "tokens_per_second": run.progress.tokens_per_second,
    }


def _report_skipped(run: StageRun, batch: StepBatch, loss: float, norm: float) -> None:
    """Keep the keys of a batch whose gradient is not finite, and give up at one too many."""
    file = run.folder / "skipped" / f"step-{run.state.step:08d}.json"
    if run.processes.first:
        file.parent.mkdir(exist_ok=True)
        evidence = {"step": run.state.step, "loss": repr(loss), "gradient_norm": repr(norm), "keys": batch.keys}
        file.write_text(json.dumps(evidence, indent=1), encoding="utf-8")
        print(f"step {run.state.step} skipped: gradient norm {norm}; its {len(batch.keys)} samples: {file}", file=sys.stderr)
    if run.state.skipped > run.config.skip_limit:
        raise TrainingError(
            f"stage {run.stage.name}: the gradient was not finite in {run.state.skipped} steps, {run.config.skip_limit} are "
            f"allowed; the samples of the last are in {file}. Look at them, lower lr, or raise skip_limit; the same command "
            "goes on from the last checkpoint"
        )


def _losses_by_group(run: StageRun) -> dict[str, float]:
    """Return losses and accuracies since this was last asked, over all processes."""
    by_group = summarise(summed(run.table, run.processes).cpu(), run.groups)
    by_group |= summarise_grounding(summed(run.grounding, run.processes).cpu())
    run.table.zero_()
    run.grounding.zero_()
    return {f"train/{name}": value for name, value in by_group.items()}


def _record(run: StageRun, values: dict[str, float]) -> None:
    if run.recorder is not None:
        run.recorder.record(run.state.step, values)


def loss_groups(loader: Loader) -> LossGroups:
    """Return the groups that losses are reported by."""
    vocabulary = loader.vocabulary
    return LossGroups(
        tasks=STREAMS,
        modalities=("text", "speech", "image"),
        boundaries=(vocabulary.speech.start, vocabulary.image.start),
    )


def _held_out(config: TrainConfig, dataset: Dataset, processes: Processes) -> tuple[PackedBatch, ...]:
    """Prepare validation on every task that the held-out split has, whatever the stage."""
    split = config.validation.split
    try:
        loader = Loader(dataset=dataset, weights=None, config=config.loader, seed=config.seed, split=split)
    except NoSamplesError:
        if processes.first:
            print(f"{dataset.reference} has no sample of split {split!r}: no validation", file=sys.stderr)
        return ()
    return validation_batches(loader, config.batch, config.validation.rows, processes)


def _going_on(fresh: TrainingState, checkpoint: Path) -> TrainingState:
    """Return a checkpoint's state if it belongs to the run of the fresh one.

    Raises:
        CheckpointError: Data or settings are others than those of the checkpoint.
    """
    state = read_state(checkpoint)
    for name, was, now in (
        *((name, value, fresh.identity.get(name)) for name, value in state.identity.items()),
        *((name, value, fresh.settings.get(name)) for name, value in state.settings.items()),
    ):
        if was != now:
            raise CheckpointError(
                f"checkpoint {checkpoint} was made with {name} {was}, this run has {now}; to go on, use what it was made "
                "with; to begin anew, choose another output"
            )
    return state


def settings_of(config: TrainConfig, stage: Stage, model: Dream) -> dict[str, Any]:
    """Return all that decides a stage's numbers besides data and weights; accumulation and processes do not."""
    settings = {
        **{f"stage {name}": value for name, value in asdict(stage).items()},
        **{f"optimizer {name}": value for name, value in asdict(config.optimizer).items()},
        "batch rows": config.batch.rows,
        "objective": config.batch.objective,
        "tail_ratio": config.batch.tail_ratio,
        "image_weight": config.batch.image_weight,
        "speech_weight": config.batch.speech_weight,
        "fully_masked": config.batch.fully_masked,
        "equal_weights": config.batch.equal_weights,
        "grounding": config.batch.grounding,
        "mentions": config.batch.mentions,
        "precision": config.precision,
        "compile": config.compile,
        "model": asdict(model.config),
    }
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return plain


def _announce(stage: Stage, loader: Loader, state: TrainingState) -> None:
    shares = ", ".join(f"{name} {count}" for name, count in loader.draws.items())
    absent = sorted(set(stage.weights) - set(loader.draws))
    notes = [f"stage {stage.name}: {stage.steps} steps over {loader.dataset.reference}; draws an epoch: {shares}"]
    if absent:
        notes.append(f"the data has nothing for {', '.join(absent)}")
    if loader.table.too_long:
        notes.append(f"{loader.table.too_long} samples are longer than {loader.table.longest} tokens and left out")
    if state.step:
        notes.append(f"goes on from step {state.step}")
    print("; ".join(notes), file=sys.stderr, flush=True)
