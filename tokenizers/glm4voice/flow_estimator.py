"""The U-Net that estimates the velocity of the mel flow (Matcha-TTS ConditionalDecoder; SPEC.md section 8)."""

from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from omniforge.tokenizers.glm4voice.config import EstimatorConfig
from omniforge.tokenizers.glm4voice.flow_layers import (
    ConvBlock,
    Downsample,
    ResnetBlock,
    TimeEmbedding,
    TransformerBlock,
    Upsample,
)

_TIME_EXPANSION = 4


class VelocityEstimator(nn.Module):
    """Velocity at a point and time of the flow, for whole utterances: every frame is valid, so there are no masks."""

    def __init__(self, config: EstimatorConfig) -> None:
        super().__init__()
        channels = config.channels
        time_channels = channels[0] * _TIME_EXPANSION
        self.time_mlp = TimeEmbedding(config.in_channels, time_channels)

        def level(inputs: int, outputs: int, *resampling: nn.Module) -> nn.ModuleList:
            blocks = [TransformerBlock(outputs, config.num_heads, config.attention_head_dim) for _ in range(config.n_blocks)]
            return nn.ModuleList([ResnetBlock(inputs, outputs, time_channels), nn.ModuleList(blocks), *resampling])

        down = list(pairwise((config.in_channels, *channels)))
        up = list(pairwise((*channels[::-1], channels[0])))
        self.down_blocks = nn.ModuleList(
            level(inputs, outputs, Downsample(outputs) if index < len(down) - 1 else _plain(outputs))
            for index, (inputs, outputs) in enumerate(down)
        )
        self.mid_blocks = nn.ModuleList(level(channels[-1], channels[-1]) for _ in range(config.num_mid_blocks))
        self.up_blocks = nn.ModuleList(
            level(2 * inputs, outputs, Upsample(outputs) if index < len(up) - 1 else _plain(outputs))
            for index, (inputs, outputs) in enumerate(up)
        )
        self.final_block = ConvBlock(channels[0], channels[0])
        self.final_proj = nn.Conv1d(channels[0], config.out_channels, 1)

    def forward(self, x: Tensor, mu: Tensor, speaker: Tensor, condition: Tensor, time: Tensor) -> Tensor:
        """Estimate the velocity.

        Args:
            x: Point of the flow, [batch, mels, frames].
            mu: What the codes say, [batch, mels, frames].
            speaker: Projected speaker embedding, [batch, mels].
            condition: Known mel frames, 0 where unknown, [batch, mels, frames].
            time: Time of the flow in 0..1, [batch].

        Returns:
            The velocity, [batch, mels, frames].
        """
        embedded = self.time_mlp(time)
        x = torch.cat([x, mu, speaker[:, :, None].expand(-1, -1, x.shape[-1]), condition], dim=1)
        skips = []
        for resnet, transformers, down in map(_parts, self.down_blocks):
            x = _refine(resnet(x, embedded), transformers)
            skips.append(x)
            x = down(x)
        for resnet, transformers in map(_parts, self.mid_blocks):
            x = _refine(resnet(x, embedded), transformers)
        for resnet, transformers, up in map(_parts, self.up_blocks):
            skip = skips.pop()
            x = _refine(resnet(torch.cat([x[..., : skip.shape[-1]], skip], dim=1), embedded), transformers)
            x = up(x)
        velocity: Tensor = self.final_proj(self.final_block(x))
        return velocity


def _plain(channels: int) -> nn.Conv1d:
    return nn.Conv1d(channels, channels, 3, padding=1)


def _parts(level: nn.Module) -> list[Any]:
    assert isinstance(level, nn.ModuleList)
    return list(level)


def _refine(x: Tensor, transformers: nn.ModuleList) -> Tensor:
    x = x.transpose(1, 2)
    for block in transformers:
        x = block(x)
    return x.transpose(1, 2)
