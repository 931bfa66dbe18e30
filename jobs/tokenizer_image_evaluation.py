"""`omniforge tokenizer evaluate image`: what held-out scenes and pictures are worth after their round trip through codes."""

import io
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from torch import Tensor

from omniforge.jobs.tokenizer_held_out import held_out
from omniforge.jobs.tokenizer_image_training import picture_paths
from omniforge.pipeline.filters.pictures import PictureConfig, check_picture, to_rgb
from omniforge.pipeline.filters.problem import Problem
from omniforge.pipeline.sources.scenes import render
from omniforge.tokenizers import registry
from omniforge.tokenizers.evaluation.code_use import code_use
from omniforge.tokenizers.evaluation.picture_quality import psnr, ssim
from omniforge.tokenizers.pictures import picture_to_pixels

LOG = logging.getLogger(__name__)

NAME = "magvit2"
SCENES = 256
"""Scenes measured; their seeds count from 0, and those to train on from 2**40 (`tokenizer_image_training.FIRST_SCENE`)."""
SCENE_SIDE = 128
SIDES = (128, 256, 512)
"""Sides in pixels at which real pictures are measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundTrip:
    """A picture, [1, 3, side, side] in [-1, 1], its codes, [1, N], and what they decode to."""

    name: str
    original: Tensor
    codes: Tensor
    decoded: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageEvaluation:
    """The report, which holds the same values at every run, and the round trips to look at: (what they are, trips)."""

    report: dict[str, Any]
    shown: tuple[tuple[str, tuple[RoundTrip, ...]], ...]


def evaluate_image_tokenizer(*, source: str, data: str | None, limit: int | None, shown: int = 8) -> ImageEvaluation:
    """Measure a tokenizer on scenes and pictures that training leaves out.

    Args:
        source: `embedded`, a folder, or whatever else `ImageTokenizer.load` takes.
        data: Folder of pictures, searched through; its held-out tenth is measured. None for scenes alone.
        limit: Only so many scenes, and so many pictures.
        shown: Round trips of each kind to return.

    Raises:
        ValueError: No such weights, or `data` has no pictures or none that is held out.
    """
    # Codes depend on the number of threads: the last bits of sums do.
    torch.set_num_threads(1)
    tokenizer = registry.load("magvit2", source)
    count = limit or SCENES
    kinds = [_Kind("scenes", SCENE_SIDE, ((f"scene {seed}", render(seed, SCENE_SIDE)) for seed in range(count)))]
    report: dict[str, Any] = {"tokenizer": NAME, "fingerprint": tokenizer.fingerprint}
    if data is not None:
        pictures, left_out = held_out_pictures(Path(data))
        report["left_out"] = left_out
        kinds += [_Kind("pictures", side, iter(pictures[:limit])) for side in SIDES]
    seen = []
    for kind in kinds:
        LOG.info("%s at %d px", kind.what, kind.side)
        trips = [_round_trip(tokenizer, name, picture, kind.side) for name, picture in kind.items]
        report.setdefault(kind.what, {})[str(kind.side)] = _figures(trips, tokenizer.codebook_size)
        seen.append((f"{kind.what}, {kind.side} px", tuple(trips[:shown])))
    return ImageEvaluation(report=report, shown=tuple(seen))


@dataclass(frozen=True, slots=True)
class _Kind:
    what: str
    side: int
    items: Iterator[tuple[str, Image.Image]]


def held_out_pictures(folder: Path) -> tuple[list[tuple[str, Image.Image]], dict[str, str]]:
    """Read the held-out pictures below a folder, in RGB, as `pull` reads and refuses them; copies are read once.

    Returns:
        Names relative to the folder with the pictures, and names with the reasons why others cannot be read.

    Raises:
        ValueError: The folder has no pictures, or no readable one is held out.
    """
    pictures: dict[bytes, tuple[str, Image.Image]] = {}
    left_out: dict[str, str] = {}
    for path in picture_paths(folder):
        name, content = path.relative_to(folder).as_posix(), path.read_bytes()
        if not held_out(path) or content in pictures:
            continue
        checked = check_picture(content, "image", PictureConfig())
        if isinstance(checked, Problem):
            left_out[name] = f"{checked.reason}: {checked.detail}"
            continue
        with Image.open(io.BytesIO(checked.file.data)) as image:
            pictures[content] = name, to_rgb(image)
    if not pictures:
        raise ValueError(f"data={folder}: no picture there is both held out (one in ten is) and readable. Give more pictures.")
    return list(pictures.values()), left_out


def _round_trip(tokenizer: registry.ImageTokenizer, name: str, picture: Image.Image, side: int) -> RoundTrip:
    original = picture_to_pixels(picture, side)[None]
    rows = side // tokenizer.downsampling
    codes = tokenizer.encode(original)
    return RoundTrip(name=name, original=original, codes=codes, decoded=tokenizer.decode(codes, (rows, rows)))


def _figures(trips: list[RoundTrip], codebook: int) -> dict[str, Any]:
    ratios = [psnr(trip.decoded, trip.original) for trip in trips]
    likeness = [ssim(trip.decoded, trip.original) for trip in trips]
    use = code_use((trip.codes.numpy() for trip in trips), codebook)
    return {
        "count": len(trips),
        "psnr_db": {"mean": round(sum(ratios) / len(ratios), 2), "least": round(min(ratios), 2)},
        "ssim": round(sum(likeness) / len(likeness), 4),
        "code_use": {name: round(value, 2) for name, value in asdict(use).items()},
    }
