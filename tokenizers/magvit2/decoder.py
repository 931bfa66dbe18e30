"""Quantised latents to pixels."""

import torch.nn.functional as F
from torch import Tensor, nn

from omniforge.tokenizers.magvit2.config import StackConfig
from omniforge.tokenizers.magvit2.layers import Level, Middle, Upsample, group_norm


class Decoder(nn.Module):
    """Convolutional decoder; `up.0` is the level with the picture's resolution (SPEC.md section 5)."""

    def __init__(self, config: StackConfig) -> None:
        super().__init__()
        widths, groups = config.widths, config.norm_groups
        deepest = widths[-1]
        self.post_quant_conv = nn.Conv2d(config.z_channels, config.z_channels, 1)
        self.conv_in = nn.Conv2d(config.z_channels, deepest, 3, padding=1)
        self.mid = Middle(deepest, groups)
        self.up = nn.ModuleList()
        for number, (width, blocks) in enumerate(zip(widths, config.num_res_blocks, strict=True)):
            level = Level(widths[min(number + 1, len(widths) - 1)], width, blocks, groups)
            if number > 0:
                level.upsample = Upsample(width)
            self.up.append(level)
        self.norm_out = group_norm(widths[0], groups)
        self.conv_out = nn.Conv2d(widths[0], 3, 3, padding=1)

    def forward(self, quantized: Tensor) -> Tensor:
        """Map [B, bits, H/f, W/f] of +1 and -1 to pixels [B, 3, H, W], about [-1, 1] but not clamped."""
        hidden: Tensor = self.mid(self.conv_in(self.post_quant_conv(quantized)))
        for level in reversed(self.up):
            hidden = level(hidden)
        pixels: Tensor = self.conv_out(F.silu(self.norm_out(hidden)))
        return pixels
