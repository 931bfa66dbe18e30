"""Patch discriminator for the optional adversarial term."""

import itertools

from torch import Tensor, nn

from omniforge.tokenizers.magvit2.layers import group_norm


class PatchDiscriminator(nn.Module):
    """Scores overlapping patches as real or made (PatchGAN; Isola et al., arXiv 1611.07004)."""

    def __init__(self, channels: int = 64) -> None:
        super().__init__()
        widths = (channels, 2 * channels, 4 * channels)
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        for before, after in itertools.pairwise(widths):
            layers += [nn.Conv2d(before, after, 4, stride=2, padding=1), group_norm(after, 8), nn.LeakyReLU(0.2)]
        self.layers = nn.Sequential(*layers, nn.Conv2d(widths[-1], 1, 4, padding=1))

    def forward(self, pixels: Tensor) -> Tensor:
        """Map pixels [B, 3, H, W] to scores [B, 1, H/8 - 1, W/8 - 1]."""
        scores: Tensor = self.layers(pixels)
        return scores
