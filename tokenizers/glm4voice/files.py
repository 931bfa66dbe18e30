"""Where the speech tokenizer's configuration and weights lie: the embedded instance, a folder, or the model hub."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError
from torch import Tensor

from omniforge.tokenizers.glm4voice.published_config import read_decoder_config
from omniforge.tokenizers.weights import read_safetensors_or_torch

EMBEDDED = Path(__file__).parents[1] / "embedded"
CONFIG_NAME = "glm4voice.json"
PART_NAMES = {part: f"glm4voice_{part}.safetensors" for part in ("tokenizer", "flow", "hift")}
_PUBLISHED_STEPS = 10
_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechFiles:
    """What `SpeechTokenizer` is built from.

    Attributes:
        tokenizer_config: Sizes of the encoder, as in its config.json.
        decoder_config: Sections flow, encoder, length_regulator, cfm, estimator, hift.
        steps: Euler steps of the flow.
        tokenizer: Weights of the encoder.
        flow: Weights of the mel decoder.
        hift: Weights of the vocoder.
    """

    tokenizer_config: Mapping[str, Any]
    decoder_config: Mapping[str, Any]
    steps: int
    tokenizer: Mapping[str, Tensor]
    flow: Mapping[str, Tensor]
    hift: Mapping[str, Tensor]


def find_files(source: str) -> SpeechFiles:
    """Find configuration and weights.

    Args:
        source: "embedded"; a folder that training wrote; a folder or hub name of the published tokenizer. The published
            decoder is looked for under the same name with "decoder" for "tokenizer"
            (THUDM/glm-4-voice-tokenizer and THUDM/glm-4-voice-decoder).

    Raises:
        ValueError: Nothing is found, the hub cannot be reached, or a file is damaged.
    """
    if source == "embedded":
        return _read_own(EMBEDDED)
    folder = Path(source)
    if (folder / CONFIG_NAME).is_file():
        return _read_own(folder)
    published = "tokenizer" in folder.name
    if folder.is_dir() and published:
        return _read_published(folder, folder.with_name(folder.name.replace("tokenizer", "decoder")))
    if not folder.exists() and published and _HUB_NAME.fullmatch(source):
        return _read_published(_fetch(source), _fetch(source.replace("tokenizer", "decoder")))
    raise ValueError(
        f"speech tokenizer {source!r}: neither 'embedded', nor a folder with {CONFIG_NAME}, nor a folder or hub name "
        "like THUDM/glm-4-voice-tokenizer."
    )


def _read_own(folder: Path) -> SpeechFiles:
    config = json.loads((folder / CONFIG_NAME).read_text(encoding="utf-8"))
    weights = {part: read_safetensors_or_torch(folder / name) for part, name in PART_NAMES.items()}
    return SpeechFiles(tokenizer_config=config["tokenizer"], decoder_config=config["decoder"], steps=config["steps"], **weights)


def _read_published(tokenizer: Path, decoder: Path) -> SpeechFiles:
    config = tokenizer / "config.json"
    if not config.is_file():
        raise ValueError(f"speech tokenizer {tokenizer}: no config.json. Give the folder of glm-4-voice-tokenizer.")
    return SpeechFiles(
        tokenizer_config=json.loads(config.read_text(encoding="utf-8")),
        decoder_config=read_decoder_config(decoder / "config.yaml"),
        steps=_PUBLISHED_STEPS,
        tokenizer=read_safetensors_or_torch(tokenizer),
        flow=read_safetensors_or_torch(decoder / "flow.pt"),
        hift=read_safetensors_or_torch(decoder / "hift.pt"),
    )


def _fetch(name: str) -> Path:
    try:
        return Path(snapshot_download(name))
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ValueError(
            f"speech tokenizer: {name} cannot be fetched from the model hub ({type(error).__name__}: {error}). "
            "Without a network, copy its folder here and give that path, or use 'embedded'."
        ) from error
