"""Pixels to pre-quantisation latents."""

import torch.nn.functional as F
from torch import Tensor, nn

from omniforge.tokenizers.magvit2.config import StackConfig
from omniforge.tokenizers.magvit2.layers import Downsample, Level, Middle, group_norm


class Encoder(nn.Module):
    """Convolutional encoder; its signs are the bits of the codes (SPEC.md section 5)."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.norm_groups
        self.conv_in = nn.Conv2d(3, config.ch, 3, padding=1)
        self.down = nn.ModuleList()
        previous = config.ch
        for number, (width, blocks) in enumerate(zip(widths, config.num_res_blocks, strict=True)):
            level = Level(previous, width, blocks, groups)
            if number < len(widths) - 1:
                level.downsample = Downsample(width)
            self.down.append(level)
            previous = width
        self.mid = Middle(previous, groups)
        self.norm_out = group_norm(previous, groups)
        self.conv_out = nn.Conv2d(previous, config.z_channels, 3, padding=1)
        self.quant_conv = nn.Conv2d(config.z_channels, config.z_channels, 1)

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels [B, 3, H, W] in [-1, 1] to latents [B, bits, H/f, W/f]."""
        hidden: Tensor = self.conv_in(pixels)
        for level in self.down:
            hidden = level(hidden)
        hidden = self.conv_out(F.silu(self.norm_out(self.mid(hidden))))
        latents: Tensor = self.quant_conv(hidden)
        return latents
