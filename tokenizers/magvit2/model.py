"""The MAGVIT-v2 network: encoder, lookup-free quantiser, decoder."""

from torch import Tensor, nn

from omniforge.tokenizers.magvit2.config import Magvit2Config
from omniforge.tokenizers.magvit2.decoder import Decoder
from omniforge.tokenizers.magvit2.encoder import Encoder
from omniforge.tokenizers.magvit2.quantizer import LookupFreeQuantizer


class Magvit2(nn.Module):
    """Picture tokenizer with the parameter names and numbers of `showlab/magvitv2` (SPEC.md section 5).

    Reference: Omni-Diffusion, models/magvit/modeling_magvitv2.py.
    """

    def __init__(self, config: Magvit2Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.encoder)
        self.decoder = Decoder(config.decoder)
        self.quantize = LookupFreeQuantizer(config.codebook_bits)

    def latents(self, pixels: Tensor) -> Tensor:
        """Return what is quantised, [B, bits, H/f, W/f], of pixels [B, 3, H, W] in [-1, 1].

        Raises:
            ValueError: Another shape, or sides that are no multiple of the downsampling.
        """
        factor = self.config.downsampling
        if pixels.dim() != 4 or pixels.shape[1] != 3 or pixels.shape[2] % factor or pixels.shape[3] % factor:
            raise ValueError(
                f"magvit2: pixels are {tuple(pixels.shape)}, expected [batch, 3, height, width] with sides that are "
                f"multiples of {factor}. Resize and crop first."
            )
        latents: Tensor = self.encoder(pixels)
        return latents

    def encode(self, pixels: Tensor) -> Tensor:
        """Return codes, int64 [B, H/f * W/f] row by row, of pixels [B, 3, H, W] in [-1, 1]."""
        return self.quantize.codes(self.latents(pixels))

    def decode(self, codes: Tensor, shape: tuple[int, int]) -> Tensor:
        """Return pixels [B, 3, f*h, f*w], not clamped, of codes [B, h*w] with `shape` = (h, w).

        Raises:
            ValueError: Codes that do not fill `shape`, or that are outside the codebook.
        """
        if codes.dim() != 2 or codes.shape[1] != shape[0] * shape[1]:
            raise ValueError(f"magvit2: codes are {tuple(codes.shape)}, expected [batch, {shape[0] * shape[1]}] for {shape}")
        if codes.numel() and not (int(codes.min()) >= 0 and int(codes.max()) < self.config.codebook_size):
            raise ValueError(
                f"magvit2: codes reach from {int(codes.min())} to {int(codes.max())}, the codebook from 0 to "
                f"{self.config.codebook_size - 1}. Subtract the vocabulary's offset of image codes first."
            )
        pixels: Tensor = self.decoder(self.quantize.quantized(codes, shape))
        return pixels
