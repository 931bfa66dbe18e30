"""The SenseVoice encoder under its published names: what embeds a user's speech for the transformer."""

import torch
from torch import Tensor, nn

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig
from omniforge.tokenizers.sensevoice.sanm import SanmEncoder

QUERIES = 4
"""Vectors that come before those of the frames: language, event, emotion, text normalisation."""

_QUERY_ROWS = 16
_LANGUAGE_AUTO, _EVENT, _EMOTION, _WITHOUT_NORMALISATION = 0, 1, 2, 15


class CtcHead(nn.Module):
    """The recogniser's output layer; part of the published weights, not used to embed speech."""

    def __init__(self, config: SenseVoiceConfig) -> None:
        super().__init__()
        self.ctc_lo = nn.Linear(config.output_size, config.vocab_size)

    def forward(self, x: Tensor) -> Tensor:
        """Map [..., output_size] to log-probabilities [..., vocab_size]."""
        return torch.log_softmax(self.ctc_lo(x), dim=-1)


class Encoder(nn.Module):
    """SenseVoiceSmall (FunAudioLLM, SenseVoice model.py; SPEC.md section 7), without dropout.

    Its keys are those of the published model.pt; inside an Omni-Diffusion checkpoint they follow `model.audio_model.model.`,
    so a model that keeps it as `audio_model.model` has those names too. That model rounds features to bfloat16 before.
    """

    def __init__(self, config: SenseVoiceConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = SanmEncoder(config)
        self.ctc = CtcHead(config)
        self.embed = nn.Embedding(_QUERY_ROWS, config.input_size)

    def forward(
        self,
        features: Tensor,
        lengths: Tensor,
        *,
        language: int = _LANGUAGE_AUTO,
        text_norm: int = _WITHOUT_NORMALISATION,
    ) -> Tensor:
        """Embed speech.

        Args:
            features: [B, T', 560] of `sensevoice.features.features`, padded at the end.
            lengths: Int [B], frames of each item.
            language: Row of `embed` for the language; 0 lets the model judge.
            text_norm: Row of `embed` for text normalisation; 15 is without, 14 with.

        Returns:
            [B, T'+4, output_size]; the first 4 are the queries', then one a frame. Beyond `lengths + 4` they mean nothing.
        """
        rows = torch.tensor([language, _EVENT, _EMOTION, text_norm], device=features.device)
        queries = self.embed(rows).to(features.dtype).expand(len(features), -1, -1)
        x = torch.cat([queries, features], dim=1)
        valid = torch.arange(x.shape[1], device=x.device) < (lengths.to(x.device) + QUERIES)[:, None]
        out: Tensor = self.encoder(x, valid)
        return out
