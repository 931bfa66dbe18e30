"""Published weights: read a file or folder, load it strictly, and name what was loaded by a fingerprint."""

import hashlib
import json
import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

_SINGLE_FILES = ("model.safetensors", "diffusion_pytorch_model.safetensors", "pytorch_model.bin", "model.pt")
_INDEX_FILES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_LISTED = 50


def load_strict(module: nn.Module, state_dict: Mapping[str, Tensor], source: str) -> None:
    """Copy `state_dict` into `module` when every name and every shape agree, and change nothing otherwise.

    Args:
        module: Any module; dtypes are cast to those of the module.
        state_dict: Tensors by the module's own (published) names.
        source: What the tensors came from, for the message.

    Raises:
        ValueError: One error listing the missing, the unexpected and the misshapen keys.
    """
    own = module.state_dict()
    missing = [key for key in own if key not in state_dict]
    unexpected = [key for key in state_dict if key not in own]
    misshapen = [
        f"{key} is {tuple(state_dict[key].shape)}, expected {tuple(tensor.shape)}"
        for key, tensor in own.items()
        if key in state_dict and state_dict[key].shape != tensor.shape
    ]
    problems = [
        f"{len(found)} {kind}: {', '.join(found[:_LISTED])}"
        + (f", and {len(found) - _LISTED} more" if len(found) > _LISTED else "")
        for kind, found in (("missing", missing), ("unexpected", unexpected), ("misshapen", misshapen))
        if found
    ]
    if problems:
        raise ValueError(
            f"the weights of {source} do not fit {type(module).__name__}: {'; '.join(problems)}. "
            "Use the configuration that belongs to these weights."
        )
    module.load_state_dict(dict(state_dict), strict=True)


def read_safetensors_or_torch(path: str | Path) -> dict[str, Tensor]:
    """Read a flat state dict from a `.safetensors` or torch file, or from a folder as the model hub lays it out.

    Torch files are read with `weights_only=True`, so a file cannot run code. A folder may hold one weight file or an
    index with its parts.

    Raises:
        ValueError: Nothing is there, it is damaged, or it holds other things than named tensors.
    """
    path = Path(path)
    if path.is_dir():
        return _read_folder(path)
    if not path.is_file():
        raise ValueError(f"weights {path}: no such file. Give a .safetensors or torch file, or their folder.")
    if path.suffix == ".safetensors":
        try:
            tensors: dict[str, Tensor] = load_file(path)
        except SafetensorError as error:
            raise ValueError(f"weights {path}: not a whole safetensors file ({error}). Fetch it again.") from error
        return tensors
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"weights {path}: not a readable torch weight file ({error}). Fetch it again.") from error
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"weights {path}: expected a flat dictionary of tensors. Save `module.state_dict()` alone.")
    return content


def _read_folder(folder: Path) -> dict[str, Tensor]:
    for name in _INDEX_FILES:
        if (folder / name).is_file():
            parts = sorted(set(json.loads((folder / name).read_text())["weight_map"].values()))
            return {key: tensor for part in parts for key, tensor in read_safetensors_or_torch(folder / part).items()}
    for name in _SINGLE_FILES:
        if (folder / name).is_file():
            return read_safetensors_or_torch(folder / name)
    raise ValueError(f"weights {folder}: the folder holds none of {', '.join((*_INDEX_FILES, *_SINGLE_FILES))}.")


def weights_fingerprint(config: Mapping[str, object], state_dict: Mapping[str, Tensor]) -> str:
    """Return `sha256:<16 hex>` over the configuration and every tensor's name, dtype, shape and bytes.

    Equal values give equal fingerprints whatever file they came from and in whatever order they are.
    """
    digest = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for key in sorted(state_dict):
        tensor = state_dict[key].detach().cpu().contiguous()
        digest.update(f"\n{key} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return f"sha256:{digest.hexdigest()[:16]}"


def hub_folder(name: str, patterns: Sequence[str]) -> Path:
    """Return the folder of a hub repository's files, fetched where its cache lacks them.

    Args:
        name: `OWNER/NAME`.
        patterns: Which files, as `*.json`.

    Raises:
        ValueError: There is no such repository, no network, or huggingface_hub is not installed.
    """
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HFValidationError
    except ImportError as error:
        raise ValueError(f"weights hub:{name}: huggingface_hub is not installed. Install it, or name a folder.") from error
    try:
        return Path(snapshot_download(name, allow_patterns=list(patterns)))
    except (OSError, HFValidationError) as error:
        raise ValueError(
            f"weights hub:{name}: the hub did not give them ({error}). Without a network, name a folder that holds them."
        ) from error
