"""Lookup-free quantisation: the signs of a latent, read as a binary number."""

import torch
from torch import Tensor, nn

MARGIN_EPSILON = 1e-4
"""Codes with a smaller margin may differ where pictures go through the network together, or on another device.

Latents are about 1 in size; on a CPU, companions move them by up to 6e-6.
"""


class LookupFreeQuantizer(nn.Module):
    """Signs as bits, channel 0 the most significant; zero counts as -1 (SPEC.md section 5).

    The two buffers follow from the number of bits, and are in the state dict only because the published one has them.
    """

    embedding: Tensor
    power_vals: Tensor

    def __init__(self, bits: int) -> None:
        super().__init__()
        power_vals = 2 ** torch.arange(bits - 1, -1, -1)
        codes = torch.arange(2**bits)
        self.register_buffer("embedding", ((codes[:, None] & power_vals) != 0).float() * 2 - 1)
        self.register_buffer("power_vals", power_vals)

    def forward(self, latents: Tensor) -> Tensor:
        """Return +1 where [B, bits, h, w] is positive and -1 elsewhere, in its dtype."""
        return (latents > 0).to(latents.dtype) * 2 - 1

    def codes(self, latents: Tensor) -> Tensor:
        """Return the codes of latents [B, bits, h, w] as int64 [B, h*w], row by row."""
        bits = (latents > 0).to(torch.int64)
        return (bits * self.power_vals[:, None, None]).sum(1).flatten(1)

    def margins(self, latents: Tensor) -> Tensor:
        """Return how far from another code each is, [B, h*w]: the least magnitude in latents [B, bits, h, w]."""
        return latents.abs().amin(1).flatten(1)

    def quantized(self, codes: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return +1 and -1 as float [B, bits, h, w] of codes [B, h*w]; `shape` is (h, w)."""
        return self.embedding[codes].transpose(1, 2).reshape(len(codes), self.embedding.shape[1], *shape)
