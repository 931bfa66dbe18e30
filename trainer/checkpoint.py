"""Checkpoints that are there whole or not at all: written beside, then renamed."""

import json
import os
import re
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from omniforge.trainer.loader import Position
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.export import export
from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.parallel import Processes, by_first, like, whole

OPTIMIZER_FILE, STATE_FILE = "optimizer.safetensors", "state.json"
_NAME = re.compile(r"step-(\d{8})$")
_WRITING, _DELETING = ".writing-", ".deleting-"
_MOMENTS = ("exp_avg", "exp_avg_sq")


class CheckpointError(ValueError):
    """A checkpoint cannot be written or read; the message says which, why, and which whole one there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """Everything besides weights and moments that a run goes on from.

    Attributes:
        stage: Number of the stage.
        lesson: Which lesson of it, 0 for the stage itself.
        step: Steps taken, skipped ones included.
        steps: Steps of the whole stage.
        updates: Steps in which the optimizer moved.
        skipped: Steps whose gradient was not finite.
        tokens: Tokens seen.
        position: Where the data goes on.
        identity: The loader's identity, which `position` belongs to.
        settings: All that else decides the numbers; a run goes on under equal settings alone.
        dataset: What the model was trained on, for people and for tools that need its vocabulary and tokenizers.
        began: The model that the stage began with, where that is of another run: its `name`, and what it tells of its
            `training` (`release.read_training`), if it does.
    """

    stage: int
    step: int
    steps: int
    updates: int
    skipped: int
    tokens: int
    position: Position
    identity: dict[str, Any]
    settings: dict[str, Any]
    dataset: dict[str, Any]
    began: dict[str, Any] | None = None
    lesson: int = 0


def checkpoints(folder: Path) -> list[Path]:
    """Return the whole checkpoints in a stage's folder, oldest first."""
    return sorted(path for path in folder.glob("step-*") if _NAME.match(path.name))


def clear_remains(folder: Path) -> None:
    """Remove what a killed run left half written or half deleted."""
    for pattern in (f"{_WRITING}*", f"{_DELETING}*"):
        for path in folder.glob(pattern):
            shutil.rmtree(path)


def save_checkpoint(
    folder: Path,
    model: Dream,
    optimizer: torch.optim.Optimizer,
    state: TrainingState,
    processes: Processes,
    keep: int,
) -> Path:
    """Publish `FOLDER/step-<8 digits>`: the model in the published layout, `optimizer.safetensors`, `state.json`.

    Every process calls it; the first one writes. Older checkpoints but the last `keep` go once the new one is there.

    Raises:
        CheckpointError: It could not be written, for example on a full disk. Nothing half written stays.
    """
    weights = _gathered(model.state_dict(), processes)
    moments = {
        f"{moment}.{name}": optimizer.state[parameter][moment]
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
        for moment in _MOMENTS
    }
    moments = _gathered(moments, processes)
    return by_first(lambda: _publish(folder, weights, moments, model.config, state, keep), processes)


def _gathered(tensors: Mapping[str, Tensor], processes: Processes) -> dict[str, Tensor]:
    """Gather tensors one by one; the first process keeps them, in its memory and not the accelerator's."""
    gathered = {}
    for name, tensor in tensors.items():
        full = whole(tensor.detach())
        if processes.first:
            gathered[name] = full.cpu()
    return gathered


def _publish(
    folder: Path,
    weights: Mapping[str, Tensor],
    moments: dict[str, Tensor],
    sizes: DreamConfig,
    state: TrainingState,
    keep: int,
) -> Path:
    target = folder / f"step-{state.step:08d}"
    beside = folder / f"{_WRITING}{target.name}"
    shutil.rmtree(beside, ignore_errors=True)
    try:
        export(weights, sizes, beside, dtype=torch.float32)
        save_file(moments, beside / OPTIMIZER_FILE)
        (beside / STATE_FILE).write_text(json.dumps(asdict(state), indent=1, sort_keys=True), encoding="utf-8")
        for file in beside.iterdir():
            _flush(file)
        _flush(beside)
        if target.exists():
            _delete(target)
        beside.rename(target)
        _flush(folder)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        there = checkpoints(folder)
        last = f"the last whole one is {there[-1]}" if there else "there is no earlier one"
        raise CheckpointError(
            f"checkpoint {target}: could not be written ({error}); {last}. Free space and run the same command again"
        ) from error
    for old in checkpoints(folder)[:-keep]:
        _delete(old)
    return target


def _flush(path: Path) -> None:
    """Have the disk hold what was written to a file or folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _delete(path: Path) -> None:
    """Remove a checkpoint such that no moment shows half of one."""
    hidden = path.with_name(f"{_DELETING}{path.name}")
    path.rename(hidden)
    shutil.rmtree(hidden)


def read_state(checkpoint: Path) -> TrainingState:
    """Read the state of a checkpoint.

    Raises:
        CheckpointError: It is absent or damaged.
    """
    try:
        values = json.loads((checkpoint / STATE_FILE).read_text(encoding="utf-8"))
        return TrainingState(**{**values, "position": Position(**values["position"])})
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CheckpointError(f"checkpoint {checkpoint}: its {STATE_FILE} is unreadable ({error}); use another one") from error


def load_optimizer(checkpoint: Path, model: nn.Module, optimizer: torch.optim.Optimizer, updates: int) -> None:
    """Put the moments of a checkpoint into a fresh optimizer, sharded as the parameters are.

    Raises:
        CheckpointError: The file is absent or damaged, or lacks a parameter that has moments.
    """
    if updates == 0:
        return
    try:
        with safe_open(checkpoint / OPTIMIZER_FILE, framework="pt") as file:
            for name, parameter in model.named_parameters():
                if parameter.requires_grad:
                    state = {moment: like(file.get_tensor(f"{moment}.{name}"), parameter) for moment in _MOMENTS}
                    optimizer.state[parameter] = {"step": torch.tensor(float(updates)), **state}
    except (OSError, SafetensorError) as error:
        raise CheckpointError(f"checkpoint {checkpoint}: {OPTIMIZER_FILE}: {error}; use another one") from error
