"""Small training runs. As a program, `python training.py CONFIG.json`, the same in a process of its own or under torchrun."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from omniforge.jobs.config import from_mapping
from omniforge.trainer.config import TrainConfig
from omniforge.trainer.train import train

TINY: dict[str, Any] = {
    "threads": 1,
    "stages": [1],
    "steps": 12,
    "lr": 3e-3,
    "model": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
    },
    "loader": {"sequence_length": 128, "window_samples": 40},
    "batch": {"rows": 4, "micro_rows": 1},
    "validation": {"every": 6, "rows": 4},
    "checkpoint": {"every": 4},
}


def tiny(data: str, output: Path, **changes: Any) -> TrainConfig:
    return from_mapping(TrainConfig, {**TINY, "data": data, "output": str(output), **changes}, "test")


def weights(checkpoint: Path) -> dict[str, Tensor]:
    return load_file(checkpoint / "model.safetensors")


def same_bits(one: Path, other: Path) -> bool:
    """Whether two checkpoints hold the same weights and moments to the bit, and stand at the same place in the data."""
    tensors = all(
        (one / name).read_bytes() == (other / name).read_bytes() for name in ("model.safetensors", "optimizer.safetensors")
    )
    return tensors and (one / "state.json").read_text() == (other / "state.json").read_text()


def metrics(checkpoint: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (checkpoint.parent / "metrics.jsonl").read_text().splitlines()]


def losses(checkpoint: Path) -> list[float]:
    return [line["loss"] for line in metrics(checkpoint) if "loss" in line]


def write_config(config: TrainConfig, path: Path) -> Path:
    path.write_text(json.dumps(asdict(config)))
    return path


if __name__ == "__main__":
    torch.set_num_threads(1)
    train(from_mapping(TrainConfig, json.loads(Path(sys.argv[1]).read_text()), sys.argv[1]))
