"""`omniforge tokenizer train` of the picture tokenizer: from rendered scenes and a folder of pictures."""

import functools
import itertools
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageEnhance
from torch import Tensor

from omniforge.jobs.tokenizer_config import ImageTraining, claim_output, contents_fingerprint, trained
from omniforge.jobs.tokenizer_held_out import held_out
from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes import render
from omniforge.tokenizers.magvit2.train import TokenizerTraining, TrainingConfig, train_tokenizer
from omniforge.tokenizers.pictures import picture_to_pixels
from omniforge.tokenizers.precision import training_precision

LOG = logging.getLogger(__name__)

NAME = "magvit2"
FIRST_SCENE = 1 << 40
"""Scenes to train on have seeds from here on, so that a corpus, which counts from 0, holds none of them."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")


def train_image_tokenizer(config: ImageTraining) -> None:
    """Train a tokenizer and leave it in a folder that `ImageTokenizer.load` reads; run again, it goes on from its checkpoint.

    A training that was killed anywhere and run again ends with the same weights as one that never stopped. On a CPU it
    computes with one thread.

    Raises:
        ValueError: A folder without pictures to train on, weights to start with or a perceptual network that do not fit, or
            an output that holds a training with other settings. Nothing is written then.
    """
    if torch.device(config.device).type == "cpu":
        # Sums, and so weights, depend on the number of threads.
        torch.set_num_threads(1)
    output = Path(config.output)
    paths: tuple[Path, ...] = ()
    data: dict[str, Any] = {"pictures": 0, "held_out": 0}
    if config.data is not None:
        found = picture_paths(Path(config.data))
        paths = tuple(path for path in found if not held_out(path))
        if all(_read(path) is None for path in paths):
            raise ValueError(
                f"data={config.data} leaves no picture to train on: of {len(found)}, {len(found) - len(paths)} are held out "
                "and the others cannot be read. Give more pictures, or no data."
            )
        data = {
            "pictures": len(paths),
            "held_out": len(found) - len(paths),
            "fingerprint": contents_fingerprint(path.read_bytes() for path in paths),
        }
    training = TokenizerTraining(config.sizes, _settings(config))
    network = config.losses.perceptual_network
    made_with = {
        "start": training.start_fingerprint,
        "perceptual_network": None if network is None else contents_fingerprint([Path(network).read_bytes()]),
        "precision": training_precision(config.device),
    }
    claim_output(output, NAME, trained(config, data, made_with))
    resume = (output / "checkpoint.pt").is_file()
    train_tokenizer(training, picture_batches(paths, config), output, resume=resume)


def _settings(config: ImageTraining) -> TrainingConfig:
    network = config.losses.perceptual_network
    return TrainingConfig(
        steps=config.steps,
        learning_rate=config.learning_rate,
        warmup=config.warmup,
        relaxed=config.relaxed,
        ema_decay=config.ema_decay,
        commitment=config.losses.commitment,
        entropy=config.losses.entropy,
        perceptual=config.losses.perceptual,
        perceptual_network=None if network is None else Path(network),
        adversarial=config.losses.adversarial,
        adversarial_from=config.losses.adversarial_from,
        start=config.start,
        seed=config.seed,
        device=config.device,
        save_every=config.save_every,
    )


def picture_paths(folder: Path) -> tuple[Path, ...]:
    """Return the picture files anywhere below a folder, sorted.

    Raises:
        ValueError: There is none.
    """
    paths = tuple(sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES and path.is_file()))
    if not paths:
        raise ValueError(f"data={folder} holds no {', '.join(SUFFIXES)} file. Give a folder of pictures, or no data.")
    return paths


def picture_batches(paths: tuple[Path, ...], config: ImageTraining) -> Callable[[int], Iterator[Tensor]]:
    """Return a function from the first step to batches, float32 [batch, 3, size, size] in [-1, 1], or fewer of twice the side.

    A batch depends on the seed, `paths` and its step alone, so a resumed run sees the pictures it would have seen.
    """

    def batches(first_step: int) -> Iterator[Tensor]:
        for step in itertools.count(first_step):
            # What a network has only seen small comes back with halos where it is large: its norms and its attention look
            # at the whole picture.
            large = Chance("image tokenizer", config.seed, step).happens(config.large_share)
            side, count = (2 * config.size, max(1, config.batch // 4)) if large else (config.size, config.batch)
            chances = (Chance("image tokenizer", config.seed, step, item) for item in range(count))
            pictures = (_picture(chance, paths, side, config.scenes_share) for chance in chances)
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
