"""`omniforge tokenizer evaluate image`: what held-out scenes and pictures are worth after their round trip through codes."""

import hashlib
import io
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
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
    scenes = _Kind(what="scenes", side=SCENE_SIDE, shown=shown)
    LOG.info("%d scenes", count)
    for seed in range(count):
        scenes.measure(tokenizer, f"scene {seed}", render(seed, SCENE_SIDE))
    kinds = [scenes]
    report: dict[str, Any] = {"tokenizer": NAME, "fingerprint": tokenizer.fingerprint}
    if data is not None:
        pictures = [_Kind(what="pictures", side=side, shown=shown) for side in SIDES]
        report["left_out"] = _measure_pictures(tokenizer, Path(data), pictures, limit)
        kinds += pictures
    for kind in kinds:
        report.setdefault(kind.what, {})[str(kind.side)] = _figures(kind.measured, tokenizer.codebook_size)
    return ImageEvaluation(report=report, shown=tuple((f"{kind.what}, {kind.side} px", tuple(kind.trips)) for kind in kinds))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """What is kept of a round trip: thousands of them have to fit in memory."""

    psnr: float
    ssim: float
    codes: NDArray[np.int64]


@dataclass(slots=True, kw_only=True)
class _Kind:
    """Pictures of one kind at one side, as far as they are measured, and the first round trips of them to look at."""

    what: str
    side: int
    shown: int
    measured: list[_Measured] = field(default_factory=list)
    trips: list[RoundTrip] = field(default_factory=list)

    def measure(self, tokenizer: registry.ImageTokenizer, name: str, picture: Image.Image) -> None:
        """Send a picture through its codes."""
        trip = _round_trip(tokenizer, name, picture, self.side)
        ratio, likeness = psnr(trip.decoded, trip.original), ssim(trip.decoded, trip.original)
        self.measured.append(_Measured(psnr=ratio, ssim=likeness, codes=trip.codes.numpy()))
        if len(self.trips) < self.shown:
            self.trips.append(trip)


def _measure_pictures(
    tokenizer: registry.ImageTokenizer, folder: Path, kinds: list[_Kind], limit: int | None
) -> dict[str, str]:
    """Measure the held-out pictures of a folder at every side and return what cannot be, with reasons."""
    left_out: dict[str, str] = {}
    for name, picture in held_out_pictures(folder):
        if isinstance(picture, Problem):
            left_out[name] = f"{picture.reason}: {picture.detail}"
        elif limit is None or len(kinds[0].measured) < limit:
            LOG.info("%s", name)
            for kind in kinds:
                kind.measure(tokenizer, name, picture)
    if not kinds[0].measured:
        raise ValueError(f"data={folder}: no picture there is both held out (one in ten is) and readable. Give more pictures.")
    return left_out


def held_out_pictures(folder: Path) -> Iterator[tuple[str, Image.Image | Problem]]:
    """Open the held-out pictures below a folder one after the other, in RGB, as `pull` reads and refuses them; copies once.

    Yields:
        The name relative to the folder, and the picture or why it cannot be read.

    Raises:
        ValueError: The folder has no pictures.
    """
    seen: set[bytes] = set()
    for path in picture_paths(folder):
        content = path.read_bytes()
        digest = hashlib.sha256(content).digest()
        if not held_out(path) or digest in seen:
            continue
        name, checked = path.relative_to(folder).as_posix(), check_picture(content, "image", PictureConfig())
        if isinstance(checked, Problem):
            yield name, checked
            continue
        seen.add(digest)
        with Image.open(io.BytesIO(checked.file.data)) as image:
            yield name, to_rgb(image)


def _round_trip(tokenizer: registry.ImageTokenizer, name: str, picture: Image.Image, side: int) -> RoundTrip:
    original = picture_to_pixels(picture, side)[None]
    rows = side // tokenizer.downsampling
    codes = tokenizer.encode(original)
    return RoundTrip(name=name, original=original, codes=codes, decoded=tokenizer.decode(codes, (rows, rows)))


def _figures(measured: list[_Measured], codebook: int) -> dict[str, Any]:
    ratios, likeness = [item.psnr for item in measured], [item.ssim for item in measured]
    use = code_use((item.codes for item in measured), codebook)
    return {
        "count": len(measured),
        "psnr_db": {"mean": round(sum(ratios) / len(ratios), 2), "least": round(min(ratios), 2)},
        "ssim": round(sum(likeness) / len(likeness), 4),
        "code_use": {name: round(value, 2) for name, value in asdict(use).items()},
    }
