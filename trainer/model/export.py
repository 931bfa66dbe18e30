"""Writing a model in the published layout, so that the public implementation and its tools load it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from omniforge.trainer.model.config import DreamConfig, published_config

SHARD_BYTES = 5 * 1024**3


def export(
    weights: Mapping[str, Tensor],
    config: DreamConfig,
    folder: str | Path,
    *,
    dtype: torch.dtype = torch.bfloat16,
    shard_bytes: int = SHARD_BYTES,
) -> list[Path]:
    """Write `config.json` and safetensors files.

    One file `model.safetensors`, or parts `model-00001-of-0000N.safetensors` of at most `shard_bytes` with their index.
    A single tensor is never divided.

    Args:
        weights: The model's whole state dict, unsharded.
        config: Its sizes.
        folder: Made if absent.
        dtype: Type of the stored weights.
        shard_bytes: Largest size of a part.

    Returns:
        The files written.

    Raises:
        ValueError: The folder holds a model already.
    """
    folder = Path(folder)
    if (folder / "config.json").exists():
        raise ValueError(f"export: {folder} holds a model already; choose an empty folder")
    folder.mkdir(parents=True, exist_ok=True)
    parts = list(_divide(weights, dtype.itemsize, shard_bytes))
    total = len(parts)
    places: dict[str, str] = {}
    written: list[Path] = []
    for number, names in enumerate(parts, start=1):
        file_name = "model.safetensors" if total == 1 else f"model-{number:05d}-of-{total:05d}.safetensors"
        tensors = {name: weights[name].detach().to(device="cpu", dtype=dtype).contiguous() for name in names}
        save_file(tensors, folder / file_name, metadata={"format": "pt"})
        places |= dict.fromkeys(names, file_name)
        written.append(folder / file_name)
    if total > 1:
        size = sum(weights[name].numel() for name in places) * dtype.itemsize
        index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
        written.append(_write_json(folder / "model.safetensors.index.json", index))
    # Last, because it is what makes the folder a model.
    told = _write_json(folder / "config.json", published_config(config, str(dtype).removeprefix("torch.")))
    for file in written:
        # Safetensors makes files that nobody but their owner can read.
        file.chmod(told.stat().st_mode)
    return [*written, told]


def _divide(weights: Mapping[str, Tensor], itemsize: int, shard_bytes: int) -> Iterator[list[str]]:
    names: list[str] = []
    size = 0
    for name, tensor in weights.items():
        bytes_ = tensor.numel() * itemsize
        if names and size + bytes_ > shard_bytes:
            yield names
            names, size = [], 0
        names.append(name)
        size += bytes_
    yield names


def _write_json(path: Path, content: Mapping[str, object]) -> Path:
    path.write_text(json.dumps(content, indent=2) + "\n")
    return path
