"""Reading published Dream and Omni-Diffusion folders by their own key names."""

import json
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import torch
from torch import Tensor

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig
from omniforge.tokenizers.weights import load_strict, read_safetensors_or_torch
from omniforge.trainer.model.config import DreamConfig, dream_config
from omniforge.trainer.model.source import model_folder
from omniforge.trainer.model.transformer import Dream

AUDIO_PREFIX = "model.audio_model."
_RECOMPUTED = ".inv_freq"
_TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float32}
"""What a model computes in, by the type its weights are stored as. float16 is for storing alone: CPUs are slow in it."""


def load_pretrained(folder: str | Path, *, dtype: torch.dtype | None = None, device: torch.device | str = "cpu") -> Dream:
    """Build the model that a folder describes and load its weights, every one of them.

    Takes `config.json` beside `model.safetensors`, or its parts with an index, as published for Dream-7B and
    Omni-Diffusion and as written by `export`.

    Args:
        folder: Local folder, or `embedded` for the model that is shipped.
        dtype: Type of the parameters; if None the `torch_dtype` of the config, or float32 where that is float16.
        device: Where the model goes.

    Raises:
        ValueError: A file is absent or damaged, or weights and sizes do not fit; all keys concerned are listed.
    """
    folder = model_folder(folder)
    values = _read_config(folder)
    weights = published_weights(folder)
    config = with_published_audio(dream_config(values), weights)
    if dtype is None:
        dtype = _TYPES.get(str(values.get("torch_dtype", "float32")))
        if dtype is None:
            raise ValueError(f"model {folder}: torch_dtype {values['torch_dtype']!r} is unknown; use {', '.join(_TYPES)}")
    with torch.device("meta"):
        model = Dream(config)
    model = model.to(dtype).to_empty(device=device)
    load_strict(model, weights, str(folder))
    return model


def published_weights(folder: str | Path) -> dict[str, Tensor]:
    """Read all weights of a folder by their published names; rotary frequencies of old files are recomputed, so dropped.

    Raises:
        ValueError: The files are absent or damaged.
    """
    return {name: tensor for name, tensor in read_safetensors_or_torch(folder).items() if not name.endswith(_RECOMPUTED)}


def with_published_audio(config: DreamConfig, names: Iterable[str]) -> DreamConfig:
    """Add SenseVoiceSmall's sizes to a config that does not mention the speech encoder its weights hold.

    Omni-Diffusion's config.json is such a one.
    """
    if config.audio is None and any(name.startswith(AUDIO_PREFIX) for name in names):
        return replace(config, audio=SenseVoiceConfig())
    return config


def _read_config(folder: Path) -> dict[str, object]:
    path = folder / "config.json"
    try:
        values = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise ValueError(f"model {folder}: no config.json; give the folder of a Dream or Omni-Diffusion model") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"model {path}: not JSON ({error}); fetch it again") from error
    if not isinstance(values, dict):
        raise ValueError(f"model {path}: expected an object with sizes, found {type(values).__name__}")
    return values
