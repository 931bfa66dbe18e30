"""Pictures to pixels in [-1, 1], and back (SPEC.md section 5: reference data/processor/image_processor.py)."""

import torch
from PIL import Image
from torch import Tensor


def resize_and_crop(picture: Image.Image, resolution: int) -> Image.Image:
    """Resize the shorter side to `resolution` (bicubic, antialiased) and crop the centre square.

    A picture in another mode becomes RGB first; transparency is dropped, as in the reference. Returns an RGB picture
    of `resolution` by `resolution` pixels.
    """
    picture = picture.convert("RGB")
    width, height = picture.size
    short, long = min(width, height), max(width, height)
    stretched = int(resolution * long / short)
    size = (resolution, stretched) if width <= height else (stretched, resolution)
    picture = picture.resize(size, Image.Resampling.BICUBIC)
    # Python's round sends halves to the even neighbour; the offsets of the reference do too.
    left, top = round((size[0] - resolution) / 2), round((size[1] - resolution) / 2)
    return picture.crop((left, top, left + resolution, top + resolution))


def picture_to_pixels(picture: Image.Image, resolution: int) -> Tensor:
    """Return float32 [3, resolution, resolution] in [-1, 1]."""
    cropped = resize_and_crop(picture, resolution)
    flat = torch.frombuffer(bytearray(cropped.tobytes()), dtype=torch.uint8)
    levels = flat.view(resolution, resolution, 3).permute(2, 0, 1)
    return ((levels.float() / 255 - 0.5) / 0.5).contiguous()


def pixels_to_uint8(pixels: Tensor) -> Tensor:
    """Return uint8 [B, H, W, 3] of float pixels [B, 3, H, W], clamped to [-1, 1] and truncated, not rounded."""
    levels = ((pixels.float() + 1) / 2).clamp(0, 1) * 255
    return levels.to(torch.uint8).permute(0, 2, 3, 1).contiguous()


def pixels_to_pictures(pixels: Tensor) -> list[Image.Image]:
    """Return an RGB picture for each of float pixels [B, 3, H, W]."""
    return [Image.fromarray(levels.numpy()) for levels in pixels_to_uint8(pixels.detach().cpu())]
