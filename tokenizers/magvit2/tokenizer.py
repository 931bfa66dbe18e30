"""Pictures to codes and back, for use in an actor."""

import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import torch
from torch import Tensor

from omniforge.tokenizers.batching import compiled, full_precision
from omniforge.tokenizers.magvit2.config import Magvit2Config, magvit2_config
from omniforge.tokenizers.magvit2.model import Magvit2
from omniforge.tokenizers.precision import computes_bfloat16
from omniforge.tokenizers.weights import hub_folder, load_strict, read_safetensors_or_torch, weights_fingerprint

EMBEDDED = Path(__file__).parents[1] / "embedded" / "magvit2.safetensors"
_PIXELS_AT_ONCE = 1 << 22
_HUB_NAME = re.compile(r"(?:hub:)?([\w.-]+/[\w.-]+)")
_HUB_FILES = ("config.json", "*.safetensors", "pytorch_model.bin")


class ImageTokenizer:
    """MAGVIT-v2 with its weights.

    On a CPU the codes of a picture do not depend on its companions: pictures go through the network one by one.
    Batched convolutions take other paths in oneDNN: they moved latents (about 1 in size) by up to 3e-6, which turns a bit
    that happens to lie that near to zero, and gained nothing at 128 px and above (8.3 ms a picture alone and 8.9 in
    eights; 19 and 46 at 256 px). The number of threads moves latents alike, and is pinned where codes are stored. On
    other devices pictures go through together: see `encode_together` for what then holds.
    """

    def __init__(self, model: Magvit2) -> None:
        self.model = model.eval().requires_grad_(False)
        self.fingerprint = weights_fingerprint(model.config.to_json(), model.state_dict())
        self.codebook_size = model.config.codebook_size
        self.downsampling = model.config.downsampling
        self._latents = compiled(self.model.latents, self.device)

    @property
    def codebook(self) -> Tensor:
        """Vectors of the codes, float32 [codebook_size, bits]: their bits as +1 and -1."""
        return self.model.quantize.embedding.float().cpu()

    @classmethod
    def load(cls, source: str | Path = "embedded", device: str = "cpu") -> Self:
        """Load a tokenizer.

        Args:
            source: `embedded` for the small one that is shipped; a folder with `config.json` and weights as the hub has
                them; a weight file, with `NAME.json` or `config.json` beside it; or the name of a hub repository, as
                `showlab/magvitv2` (`hub:showlab/magvitv2` where a folder is called the same), fetched with
                huggingface_hub where its cache lacks it. A config without an `encoder` and a `decoder` table means the
                published sizes. Nothing else reaches the network.
            device: Where the network is put.

        Raises:
            ValueError: Nothing is there, the weights do not fit the config, or the hub does not give them.
        """
        source = str(source)
        path = EMBEDDED if source == "embedded" else Path(source)
        if not path.exists():
            name = _HUB_NAME.fullmatch(source)
            if name is None:
                raise ValueError(
                    f"image tokenizer {source}: no such file or folder. Give 'embedded', a folder with config.json and "
                    "weights, a weight file, or the OWNER/NAME of a hub repository."
                )
            path = hub_folder(name[1], _HUB_FILES)
        tensors = read_safetensors_or_torch(path)
        with torch.device("meta"):
            model = Magvit2(_read_config(path))
        # Materialised without values: initialising weights that are overwritten would take longer than reading them.
        model = model.to_empty(device=device)
        load_strict(model, tensors, source)
        return cls(model)

    @torch.inference_mode()
    def encode(self, images: Tensor) -> Tensor:
        """Map float32 [B, 3, H, W] in [-1, 1] to int64 [B, H/16 * W/16], row by row.

        Raises:
            ValueError: Another shape, or sides that are no multiple of the downsampling.
        """
        if self.device.type != "cpu":
            return self.encode_together(images)
        return torch.cat([self.model.encode(image) for image in _split(images, 1)])

    @torch.inference_mode()
    def encode_together(self, images: Tensor) -> Tensor:
        """Encode many at once, as `encode` does on other devices than a CPU; arguments and result as there.

        In float32 throughout. Codes equal those of each picture alone except where their margin is below
        `quantizer.MARGIN_EPSILON`.
        """
        with full_precision():
            parts = [self._latents(part.to(self.device)) for part in _split(images, _pictures_at_once(images.shape[-2:]))]
        return torch.cat([self.model.quantize.codes(part) for part in parts]).to(images.device)

    @torch.inference_mode()
    def decode(self, codes: Tensor, shape: tuple[int, int]) -> Tensor:
        """Map int64 [B, N] to float32 [B, 3, 16 * rows, 16 * columns] in [-1, 1]; `shape` is (rows, columns).

        On a GPU that has it, in bfloat16: pixels differ by a few levels of 255, and nothing is decided by them.

        Raises:
            ValueError: N is not rows * columns, or a code is outside the codebook.
        """
        side = self.downsampling
        at_once = 1 if self.device.type == "cpu" else _pictures_at_once((shape[0] * side, shape[1] * side))
        half = self.device.type == "cuda" and computes_bfloat16(str(self.device))
        with torch.autocast(self.device.type, torch.bfloat16, enabled=half):
            parts = [self.model.decode(part.to(self.device), shape) for part in _split(codes, at_once)]
        return torch.cat(parts).float().clamp(-1, 1).to(codes.device)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.model.encoder.conv_in.weight.device


def _pictures_at_once(size: Sequence[int]) -> int:
    return max(1, _PIXELS_AT_ONCE // max(1, math.prod(size)))


def _split(rows: Tensor, at_once: int) -> Sequence[Tensor]:
    """Split rows, [B, ...], into parts; one part also where there are none."""
    return torch.split(rows, at_once) if len(rows) else [rows]


def _read_config(path: Path) -> Magvit2Config:
    candidates = [path / "config.json"] if path.is_dir() else [path.with_suffix(".json"), path.with_name("config.json")]
    for candidate in candidates:
        if candidate.is_file():
            try:
                return magvit2_config(json.loads(candidate.read_text()))
            except json.JSONDecodeError as error:
                raise ValueError(f"magvit2 config {candidate}: not JSON ({error})") from error
    raise ValueError(f"image tokenizer {path}: none of {', '.join(str(c) for c in candidates)} is there to give its sizes")
