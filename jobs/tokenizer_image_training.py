"""`omniforge tokenizer train image`: a small picture tokenizer from rendered scenes and a folder of pictures."""

import functools
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from omniforge.jobs.tokenizer_held_out import held_out
from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes import render
from omniforge.tokenizers.magvit2.config import Magvit2Config, StackConfig
from omniforge.tokenizers.magvit2.train import TrainingConfig, train_tokenizer
from omniforge.tokenizers.pictures import picture_to_pixels

LOG = logging.getLogger(__name__)

BATCH = 4
LARGE_SHARE = 0.25
"""Share of the batches that are one picture of twice the side instead of four."""

FIRST_SCENE = 1 << 40
"""Scenes to train on have seeds from here on, so that a corpus, which counts from 0, holds none of them."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
EMBEDDED_SIZES = Magvit2Config(
    encoder=StackConfig(ch=16, ch_mult=(1, 1, 3, 6, 9), num_res_blocks=(1, 1, 1, 1, 1), norm_groups=2),
    decoder=StackConfig(ch=16, ch_mult=(1, 1, 3, 6, 12), num_res_blocks=(1, 1, 1, 2, 1), norm_groups=2),
)
"""Few channels where the picture is large: on a CPU the highest resolutions cost most of the time."""


def train_image_tokenizer(
    *,
    data: str | None,
    output: str,
    steps: int,
    size: int,
    seed: int,
    resume: bool,
    scenes_share: float = 0.5,
    start: str | None = None,
) -> None:
    """Train a tokenizer of the embedded size and leave it in a folder that `ImageTokenizer.load` reads.

    Args:
        data: Folder with pictures (searched through), mixed with scenes; None for scenes alone. A tenth of them, by their
            bytes (`held_out`), is left for evaluation.
        output: Folder for config, weights, checkpoint and log.
        steps: Optimiser steps in all.
        size: Side of the training pictures in pixels, a multiple of 16.
        seed: Seed of the initial weights and of the order of the pictures.
        resume: Go on from the checkpoint in `output`.
        scenes_share: Share of the pictures that are scenes.
        start: Weights to begin with, as `ImageTokenizer.load` takes them (`embedded`, a folder); None for random ones.

    Raises:
        ValueError: A folder without pictures, a size that is no multiple of 16, or a checkpoint that is absent
            with `resume` or in the way without.
    """
    if size < 1 or size % EMBEDDED_SIZES.downsampling:
        raise ValueError(f"size={size} is not a multiple of {EMBEDDED_SIZES.downsampling}, the pixels across one code")
    paths = tuple(path for path in picture_paths(Path(data)) if not held_out(path)) if data is not None else ()
    batches = picture_batches(paths, size=size, seed=seed, scenes_share=scenes_share)
    rate, relaxed = (1e-3, 2 * steps // 5) if start is None else (6e-4, 0)
    config = TrainingConfig(steps=steps, seed=seed, learning_rate=rate, warmup=100, relaxed=relaxed, start=start)
    train_tokenizer(EMBEDDED_SIZES, config, batches, Path(output), resume=resume)


def picture_paths(folder: Path) -> tuple[Path, ...]:
    """Return the picture files anywhere below a folder, sorted.

    Raises:
        ValueError: There is none.
    """
    paths = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()))
    if not paths:
        raise ValueError(f"data={folder} holds no {', '.join(SUFFIXES)} file. Give a folder of pictures, or no data.")
    return paths


def picture_batches(
    paths: tuple[Path, ...], *, size: int, seed: int, scenes_share: float = 0.5
) -> Callable[[int], Iterator[Tensor]]:
    """Return a function from the first step to batches, float32 [4, 3, size, size] or [1, 3, 2 * size, 2 * size] in [-1, 1].

    A batch depends on `seed`, `paths` and its step alone, so a resumed run sees the pictures it would have seen.
    """

    def batches(first_step: int) -> Iterator[Tensor]:
        for step in itertools.count(first_step):
            # What a network has only seen small comes back with halos where it is large: its norms and its attention look
            # at the whole picture.
            large = Chance("image tokenizer", seed, step).happens(LARGE_SHARE)
            side, count = (2 * size, BATCH // 4) if large else (size, BATCH)
            chances = (Chance("image tokenizer", seed, step, item) for item in range(count))
            pictures = (_picture(chance, paths, side, scenes_share) for chance in chances)
            yield torch.stack([picture_to_pixels(picture, side) for picture in pictures])

    return batches


def _picture(chance: Chance, paths: tuple[Path, ...], size: int, scenes_share: float) -> Image.Image:
    if paths and not chance.happens(scenes_share):
        picture = _read(chance.pick(paths))
        if picture is not None:
            return _varied(chance, picture, size)
    return render(FIRST_SCENE + chance.below(1 << 40), size)


@functools.lru_cache(maxsize=512)
def _read(path: Path) -> Image.Image | None:
    """Return an RGB picture of at most 512 pixels a side, or None (said once) where the file is no whole picture."""
    try:
        with Image.open(path) as file:
            picture = file.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        LOG.warning("left out %s: %s", path, error)
        return None
    picture.thumbnail((512, 512))
    return picture


def _varied(chance: Chance, picture: Image.Image, size: int) -> Image.Image:
    """Return a random square part, perhaps mirrored, in slightly other light and at times other colours.

    Parts are as often near the resolution of the picture as far below it, since pictures are encoded at several sizes.
    """
    whole = min(picture.size)
    side = max(1, round(whole * (min(size, whole) / whole) ** chance.between(0.0, 1.0)))
    left, top = chance.below(picture.width - side + 1), chance.below(picture.height - side + 1)
    picture = picture.crop((left, top, left + side, top + side))
    if chance.happens(0.5):
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    if chance.happens(0.2):
        picture = Image.merge("RGB", chance.shuffled(picture.split()))
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(chance.between(0.7, 1.3))
    return picture
