"""SenseVoice with its weights and normalisation: from a recording to the vectors that stand for it."""

import pickle
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
import yaml
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig, sensevoice_config
from omniforge.tokenizers.sensevoice.encoder import QUERIES, Encoder
from omniforge.tokenizers.sensevoice.features import Cmvn, features, frames, read_cmvn
from omniforge.tokenizers.weights import load_strict, weights_fingerprint

_WEIGHTS = "model.pt"
_NESTED_UNDER = ("state_dict", "model_state_dict")


class SenseVoice:
    """A frozen speech encoder that is ready to use.

    Attributes:
        encoder: The network, in eval mode, without gradients.
        cmvn: Its normalisation.
        fingerprint: `sha256:<16 hex>` over sizes, weights and normalisation.
    """

    def __init__(self, encoder: Encoder, cmvn: Cmvn) -> None:
        self.encoder = encoder.eval().requires_grad_(False)
        self.cmvn = cmvn
        tensors = {**encoder.state_dict(), "cmvn.shift": cmvn.shift, "cmvn.scale": cmvn.scale}
        self.fingerprint = weights_fingerprint(asdict(encoder.config), tensors)

    @classmethod
    def load(cls, source: str | Path) -> "SenseVoice":
        """Load a folder laid out as FunAudioLLM/SenseVoiceSmall is published.

        Args:
            source: Folder with `model.pt`, `am.mvn` and, for other sizes than the published ones, `config.yaml`.

        Raises:
            ValueError: A file is absent or damaged, or the weights do not fit.
        """
        folder = Path(source)
        if not (folder / _WEIGHTS).is_file():
            raise ValueError(
                f"sensevoice {source}: no {_WEIGHTS} there. Its weights are not embedded: give the folder of "
                "FunAudioLLM/SenseVoiceSmall, or choose discrete speech for user turns."
            )
        state = _read_state(folder / _WEIGHTS)
        encoder = Encoder(_read_config(folder, state))
        load_strict(encoder, state, str(folder / _WEIGHTS))
        return cls(encoder, read_cmvn(folder / "am.mvn"))

    def features(self, waveform: NDArray[np.float32]) -> Tensor:
        """Return the encoder's input for a mono 16 kHz recording: float32 [frames, 560]."""
        return features(torch.from_numpy(waveform), self.cmvn)

    def positions(self, samples: int) -> int:
        """Return how many vectors stand for `samples` samples at 16 kHz: its frames and the queries."""
        return frames(samples) + QUERIES

    @torch.inference_mode()
    def encode(self, waveforms: Sequence[NDArray[np.float32]]) -> list[Tensor]:
        """Embed mono 16 kHz recordings, all in one padded batch; float32 [positions(samples), output_size] each."""
        items = [self.features(waveform) for waveform in waveforms]
        lengths = torch.tensor([len(item) for item in items])
        out = self.encoder(pad_sequence(items, batch_first=True), lengths)
        return [row[: length + QUERIES] for row, length in zip(out, lengths.tolist(), strict=True)]


def _read_config(folder: Path, state: dict[str, Tensor]) -> SenseVoiceConfig:
    """Sizes from config.yaml where there is one; the rows of the CTC head, which it does not give, from the weights."""
    path = folder / "config.yaml"
    table = dict(yaml.safe_load(path.read_text())["encoder_conf"]) if path.is_file() else {}
    head = state.get("ctc.ctc_lo.bias")
    return sensevoice_config(table if head is None else {**table, "vocab_size": len(head)})


def _read_state(path: Path) -> dict[str, Tensor]:
    """Read a torch file whose state dict may lie under one of FunASR's keys."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise ValueError(f"weights {path}: not a readable torch weight file ({error}). Fetch it again.") from error
    for key in _NESTED_UNDER:
        if isinstance(content, dict) and key in content:
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise ValueError(f"weights {path}: expected a dictionary of tensors, as SenseVoiceSmall is published.")
    return dict(content)
