"""Continuous speech input: SenseVoice vectors, projected, in place of the embeddings of `<|context_of_audio|>`."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig
from omniforge.tokenizers.sensevoice.encoder import QUERIES, Encoder


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioClips:
    """The speech clips of a batch and where their vectors go.

    Attributes:
        features: (clips, frames, 560) float frames of the SenseVoice front end, padded at the end.
        lengths: (clips,) int64 frames of each clip; a clip of T frames gives T + 4 vectors.
        rows: (vectors,) int64 batch row of each vector, clip after clip.
        columns: (vectors,) int64 position in that row.
    """

    features: Tensor
    lengths: Tensor
    rows: Tensor
    columns: Tensor


class AudioModel(nn.Module):
    """The speech encoder, under the name it has in published checkpoints; usually frozen."""

    def __init__(self, config: SenseVoiceConfig) -> None:
        super().__init__()
        self.model = Encoder(config)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        """Return the (vectors, output_size) vectors of all clips, one clip after the other.

        Features are rounded to bfloat16 first, as for the published weights (SPEC.md section 7).
        """
        rounded = features.to(torch.bfloat16).to(self.model.embed.weight.dtype)
        vectors: Tensor = self.model(rounded, lengths)
        return vectors[torch.arange(vectors.shape[1], device=vectors.device) < (lengths + QUERIES)[:, None]]


class AudioProjection(nn.Module):
    """LayerNorm, linear, GELU, linear: from the encoder's width to that of the transformer."""

    def __init__(self, audio_size: int, hidden_size: int) -> None:
        super().__init__()
        self.pre_proj_layernorm = nn.LayerNorm(audio_size)
        self.mlp = nn.Sequential(
            nn.Linear(audio_size, hidden_size, bias=False), nn.GELU(), nn.Linear(hidden_size, hidden_size, bias=False)
        )

    def forward(self, vectors: Tensor) -> Tensor:
        """Map (..., audio_size) to (..., hidden_size)."""
        projected: Tensor = self.mlp(self.pre_proj_layernorm(vectors))
        return projected
