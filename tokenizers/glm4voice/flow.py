"""The mel decoder of GLM-4-Voice: speech codes to a mel spectrogram by conditional flow matching (SPEC.md section 8)."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniforge.tokenizers.glm4voice.config import FlowConfig
from omniforge.tokenizers.glm4voice.flow_encoder import FlowEncoder
from omniforge.tokenizers.glm4voice.flow_estimator import VelocityEstimator
from omniforge.tokenizers.glm4voice.mel import OUTPUT_HOP, OUTPUT_RATE


class LengthRegulator(nn.Module):
    """Bring states by code to mel frames: nearest repetition, then smoothing convolutions."""

    def __init__(self, channels: int, convolutions: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for _ in range(convolutions):
            layers += [nn.Conv1d(channels, channels, 3, padding=1), nn.GroupNorm(1, channels), nn.Mish()]
        self.model = nn.Sequential(*layers, nn.Conv1d(channels, channels, 1))

    def forward(self, states: Tensor, frames: int) -> Tensor:
        """Map [batch, codes, channels] to [batch, channels, frames]."""
        regulated: Tensor = self.model(functional.interpolate(states.transpose(1, 2), size=frames, mode="nearest"))
        return regulated


class VelocityField(nn.Module):
    """The holder of the estimator, which gives the published names their `decoder.` prefix."""

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.estimator = VelocityEstimator(config.estimator)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Speech to continue: its codes, int64 [1, codes], and its mel spectrogram, [1, mels, frames]."""

    codes: Tensor
    mel: Tensor


class FlowDecoder(nn.Module):
    """Codes to mel under the key names of the published flow.pt (CosyVoice flow/flow.py, flow_matching.py).

    The starting noise is an argument: the reference reseeds torch's global generator at every call.
    """

    def __init__(self, config: FlowConfig) -> None:
        super().__init__()
        self.config = config
        mels = config.output_size
        self.input_embedding = nn.Embedding(config.vocab_size, config.input_size)
        self.spk_embed_affine_layer = nn.Linear(config.spk_embed_dim, mels)
        self.encoder = FlowEncoder(config.encoder)
        self.encoder_proj = nn.Linear(config.encoder.output_size, mels)
        self.length_regulator = LengthRegulator(mels, config.length_regulator_convolutions)
        self.decoder = VelocityField(config)

    def frames(self, codes: int) -> int:
        """Mel frames of that many codes; the truncation is of a float32, as in the reference."""
        return int(torch.tensor(codes) / self.config.input_frame_rate * OUTPUT_RATE / OUTPUT_HOP)

    def encode(self, codes: Tensor) -> Tensor:
        """Contextualise codes, int64 [batch, codes], to [batch, codes, width]."""
        states: Tensor = self.encoder(self.input_embedding(codes.clamp(min=0)))
        return states

    def condition(self, codes: Tensor, frames: int | None = None) -> Tensor:
        """Say what the codes mean for every mel frame: mu, [batch, mels, frames]; `self.frames` of them when None."""
        count = self.frames(codes.shape[1]) if frames is None else frames
        mu: Tensor = self.length_regulator(self.encoder_proj(self.encode(codes)), count)
        return mu

    def project_speaker(self, embedding: Tensor) -> Tensor:
        """Project speaker embeddings, [batch, spk_embed_dim], to [batch, mels]; zeros are the default voice."""
        projected: Tensor = self.spk_embed_affine_layer(functional.normalize(embedding, dim=1))
        return projected

    def velocity(self, x: Tensor, mu: Tensor, speaker: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        """Estimate the velocity with classifier-free guidance; the arguments are those of the estimator."""
        estimator, rate = self.decoder.estimator, self.config.inference_cfg_rate
        guided: Tensor = estimator(x, mu, speaker, condition, time)
        if rate == 0:
            return guided
        free = estimator(x, torch.zeros_like(mu), torch.zeros_like(speaker), torch.zeros_like(condition), time)
        velocity: Tensor = (1.0 + rate) * guided - rate * free
        return velocity

    def forward(
        self, codes: Tensor, noise: Tensor, *, steps: int, embedding: Tensor | None = None, prompt: Prompt | None = None
    ) -> Tensor:
        """Make the mel spectrogram of codes by Euler steps on a cosine time grid.

        Args:
            codes: int64 [batch, codes].
            noise: The flow's start, [batch, mels, frames of prompt and codes together]; its length decides theirs.
            steps: Number of Euler steps.
            embedding: Speaker embeddings, [batch, spk_embed_dim]; None for the default voice.
            prompt: Speech that goes before; its frames are cut from the result.

        Returns:
            Log mel, [batch, mels, frames].
        """
        if embedding is None:
            embedding = noise.new_zeros(codes.shape[0], self.config.spk_embed_dim)
        mu = self.condition(codes if prompt is None else torch.cat([prompt.codes, codes], dim=1), noise.shape[-1])
        condition = torch.zeros_like(mu)
        known = 0
        if prompt is not None:
            known = prompt.mel.shape[-1]
            condition[..., :known] = prompt.mel
        speaker = self.project_speaker(embedding)
        x = noise
        grid = flow_times(steps).to(noise)
        time = grid[0]
        for step in range(steps):
            width = grid[step + 1] - time
            x = x + width * self.velocity(x, mu, speaker, condition, time.expand(x.shape[0]))
            time = time + width
        return x[..., known:]


def flow_times(steps: int) -> Tensor:
    """Return the cosine grid 1 - cos(pi / 2 * i / steps), float32 [steps + 1]."""
    return 1 - torch.cos(torch.linspace(0, 1, steps + 1) * (0.5 * math.pi))
