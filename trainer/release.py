"""A checkpoint as a folder to give away: small weights, what its tokens mean, how it was trained; no moments, no paths."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from omniforge.trainer.checkpoint import CheckpointError, TrainingState, checkpoints, read_state
from omniforge.trainer.generation.origin import STATE_FILE, origin_of
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.export import export
from omniforge.trainer.model.source import model_folder

TRAINING_FILE = "training.json"
STORED = torch.float16
"""Ten bits of mantissa where bfloat16 has seven; its range, which is why training avoids it, holds weights with ease."""

_SOURCES = ("image", "speech", "text", "cmvn")


def last_checkpoint(folder: Path) -> Path:
    """Return `folder` if it is a checkpoint, else the last one of the last stage of the run that it holds.

    Raises:
        ValueError: It is neither.
    """
    if (folder / "config.json").is_file():
        return folder
    stages = (one for stage in sorted(folder.glob("stage-*")) for one in (*sorted(stage.glob("lesson-*"), key=_number), stage))
    there = [checkpoint for stage in stages for checkpoint in checkpoints(stage)]
    if not there:
        raise ValueError(f"{folder}: no checkpoint of a stage there; give the output folder of `omniforge train`")
    return there[-1]


def release(checkpoint: Path, folder: Path) -> bool:
    """Write `model.safetensors` (float16), `config.json`, `state.json` and `training.json`; the same bytes at every call.

    `state.json` keeps what `read_origin` reads; `training.json` what decided the training, stage by stage, as far as the
    stages before lie beside the checkpoint's. Data is named `NAME@sha256:...` and local tokenizers by their last name.

    Args:
        checkpoint: Of `omniforge train`.
        folder: There whole or not at all; if it holds the same model already, it is left as it is.

    Returns:
        Whether it was written now.

    Raises:
        ValueError: The checkpoint is not of a training, its weights are beyond float16, or the folder holds something else.
    """
    state = read_state(checkpoint)
    origin_of(state.dataset, str(checkpoint / STATE_FILE))
    model = load_pretrained(checkpoint, dtype=torch.float32)
    weights = model.state_dict()
    _check_range(weights, checkpoint)
    beside = folder.with_name(f".writing-{folder.name}")
    shutil.rmtree(beside, ignore_errors=True)
    try:
        export(weights, model.config, beside, dtype=STORED)
        _write(beside / STATE_FILE, {"dataset": _portable(state)})
        _write(beside / TRAINING_FILE, _training(checkpoint, state, model.config, weights))
        return _put(beside, folder)
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def read_training(folder: Path) -> dict[str, Any]:
    """Return what `release` keeps of a training, from a released folder or from a checkpoint itself.

    Raises:
        ValueError: The folder does not say.
    """
    path = folder / TRAINING_FILE
    if path.is_file():
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return content
    state = read_state(folder)
    model = load_pretrained(folder, dtype=torch.float32)
    return _training(folder, state, model.config, model.state_dict())


def began_with(source: str) -> dict[str, Any]:
    """Tell of a model that a run begins with; its training is None where it does not say, as published models do not."""
    try:
        training = read_training(model_folder(source))
    except CheckpointError:
        training = None
    return {"name": Path(source).name, "training": training}


def stages_before(training: Mapping[str, Any]) -> list[dict[str, Any]]:
    """List the stages of the models that a training began with, the earliest first, as far as they are told."""
    began = training.get("began") or {}
    earlier = began.get("training")
    return [*stages_before(earlier), *earlier["stages"]] if earlier else []


def local_sources(folder: Path) -> list[str]:
    """Name the tokenizers of a checkpoint that are files of this machine, so that others have to be told where theirs are."""
    tokenize = read_state(folder).dataset["config"]["tokenize"]
    return [name for name in _SOURCES if _is_local(tokenize.get(name))]


def _check_range(weights: Mapping[str, Tensor], checkpoint: Path) -> None:
    for name, tensor in weights.items():
        if not torch.isfinite(tensor.to(STORED)).all():
            raise ValueError(f"checkpoint {checkpoint}: {name} holds values that float16 cannot; train on with a smaller lr")


def _portable(state: TrainingState) -> dict[str, Any]:
    """The description of the data without what only this machine has."""
    tokenize = {
        name: Path(value).name if name in _SOURCES and _is_local(value) else value
        for name, value in state.dataset["config"]["tokenize"].items()
    }
    return {**state.dataset, "reference": _named(state), "config": {"tokenize": tokenize}}


def _is_local(source: Any) -> bool:
    return isinstance(source, str) and source != "embedded" and Path(source).exists()


def _named(state: TrainingState) -> str:
    """The dataset by its name and the hash of its content, which is a reference wherever that content is."""
    name = str(state.dataset["reference"]).rsplit("/", 1)[-1].split("@")[0]
    return f"{name}@sha256:{state.identity['content_sha256'][:16]}"


def _training(checkpoint: Path, state: TrainingState, config: DreamConfig, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    before = [read_state(there[-1]) for folder in _folders_before(checkpoint, state) if (there := checkpoints(folder))]
    return {
        "omniforge": version("omniforge"),
        "data": {
            "reference": str(state.dataset["reference"]).rsplit("/", 1)[-1],
            "content_sha256": state.identity["content_sha256"],
        },
        "parameters": sum(tensor.numel() for tensor in weights.values()),
        "model": asdict(config),
        "began": (*before, state)[0].began,
        "stages": [_stage(one) for one in (*before, state)],
    }


def _folders_before(checkpoint: Path, state: TrainingState) -> list[Path]:
    """List the folders of the lessons and stages that come before a checkpoint's in the same run, the earliest first."""
    own = checkpoint.parent
    run = own.parent.parent if state.lesson else own.parent
    stages = [run / f"stage-{number}" for number in range(1, state.stage + 1)]
    order = [folder for stage in stages for folder in (*sorted(stage.glob("lesson-*"), key=_number), stage)]
    return order[: order.index(own)] if own in order else []


def _number(folder: Path) -> int:
    return int(folder.name.rpartition("-")[2])


def _stage(state: TrainingState) -> dict[str, Any]:
    return {
        "stage": state.stage,
        **({"lesson": state.lesson} if state.lesson else {}),
        "steps": state.step,
        "skipped": state.skipped,
        "tokens": state.tokens,
        "epoch": state.position.epoch,
        "data": _named(state),
        **{name: state.identity[name] for name in ("seed", "sequence_length", "window_samples")},
        "settings": {name: value for name, value in state.settings.items() if name != "model"},
    }


def _put(beside: Path, folder: Path) -> bool:
    """Move the whole folder to its place, or find it there."""
    if folder.exists() and any(folder.iterdir()):
        differing = [path.name for path in sorted(beside.iterdir()) if not _same(path, folder / path.name)]
        if differing:
            raise ValueError(f"{folder} holds something else ({', '.join(differing)}); delete it, or give another --output")
        return False
    folder.parent.mkdir(parents=True, exist_ok=True)
    beside.replace(folder)
    return True


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()


def _write(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True) + "\n", encoding="utf-8")
