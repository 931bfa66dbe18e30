import itertools
import os
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from omniforge.jobs.config import ConfigError
from omniforge.jobs.tokenizer_config import EMBEDDED_SIZES, ImageLosses, ImageTraining
from omniforge.jobs.tokenizer_held_out import held_out
from omniforge.jobs.tokenizer_image_training import picture_batches, picture_paths, train_image_tokenizer
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer
from omniforge.tokenizers.magvit2.train import TokenizerTraining
from omniforge.tokenizers.precision import computes_bfloat16

torch.set_num_threads(1)


def _training(**settings: Any) -> ImageTraining:
    return ImageTraining(**{"tokenizer": "magvit2", "output": "", "steps": 1, "size": 32, "learning_rate": 1e-3, **settings})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures" / "deep"
    pictures.mkdir(parents=True)
    noise = pictures / "noise.png"
    # Noise is drawn anew each time, and by chance a tenth of all pictures is held out.
    while not noise.is_file() or held_out(noise):
        Image.effect_noise((70, 50), 80).save(noise)
    (pictures / "broken.jpg").write_bytes(os.urandom(100))
    return tmp_path / "pictures"


def test_batches_from_a_later_step_go_on_where_the_earlier_ones_were(folder: Path) -> None:
    batches = picture_batches(picture_paths(folder), _training(seed=3))
    first = list(islice(batches(0), 4))
    assert all(torch.equal(a, b) for a, b in zip(first[2:], islice(batches(2), 2), strict=True))
    assert not torch.equal(first[0], first[1])
    assert first[0].shape == (4, 3, 32, 32)


def test_a_broken_picture_is_left_out_and_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    list(islice(picture_batches(picture_paths(folder), _training(size=16))(0), 8))
    assert sum("broken.jpg" in record.message for record in caplog.records) == 1


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no \.jpg"):
        train_image_tokenizer(_training(data=str(tmp_path), output=str(tmp_path)))


def test_a_folder_that_leaves_no_picture_to_train_on_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    sigmas = itertools.count(10)
    while not (data / "left.png").is_file() or not held_out(data / "left.png"):
        Image.effect_noise((32, 32), next(sigmas)).save(data / "left.png")
    (data / "broken.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="of 2, 1 are held out and the others cannot be read"):
        train_image_tokenizer(_training(data=str(data), output=str(tmp_path / "output")))
    assert not (tmp_path / "output").exists()


def test_a_stopped_training_run_again_ends_with_the_same_bytes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = []
    for name in ("whole", "stopped"):
        config = _training(data=str(folder), output=str(tmp_path / name), steps=2, save_every=1)
        if name == "stopped":
            with monkeypatch.context() as patch:
                patch.setattr(TokenizerTraining, "train_step", _raising_at(1))
                with pytest.raises(KeyboardInterrupt):
                    train_image_tokenizer(config)
        train_image_tokenizer(config)
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
    assert weights[0] == weights[1]
    assert ImageTokenizer.load(tmp_path / "whole").codebook_size == 8192


def _raising_at(step: int) -> Callable[[TokenizerTraining, torch.Tensor], dict[str, float]]:
    whole = TokenizerTraining.train_step

    def train_step(training: TokenizerTraining, pixels: torch.Tensor) -> dict[str, float]:
        if training.step == step:
            raise KeyboardInterrupt
        return whole(training, pixels)

    return train_step


def test_a_folder_with_another_training_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    train_image_tokenizer(_training(output=str(tmp_path)))
    before = (tmp_path / "model.safetensors").read_bytes()
    with pytest.raises(ConfigError, match=r"differs in steps \(1 there, 2 here\)"):
        train_image_tokenizer(_training(output=str(tmp_path), steps=2))
    assert (tmp_path / "model.safetensors").read_bytes() == before


def test_training_starts_from_given_weights(tmp_path: Path) -> None:
    train_image_tokenizer(_training(output=str(tmp_path), start="embedded", warmup=100))
    started, embedded = ImageTokenizer.load(tmp_path).model.state_dict(), ImageTokenizer.load("embedded").model.state_dict()
    assert all(torch.allclose(started[key], embedded[key], atol=0.02) for key in embedded)


@pytest.mark.parametrize(
    ("mistake", "message"),
    [
        ({"start": "embeded"}, "embeded"),
        ({"start": "embedded", "sizes": replace(EMBEDDED_SIZES, decoder=EMBEDDED_SIZES.encoder)}, "other sizes"),
        ({"losses": ImageLosses(perceptual=0.5)}, "give both"),
    ],
)
def test_a_training_that_cannot_start_does_not_take_its_folder(tmp_path: Path, mistake: dict[str, Any], message: str) -> None:
    output = tmp_path / "output"
    with pytest.raises(ValueError, match=message):
        train_image_tokenizer(_training(output=str(output), **mistake))
    assert not output.exists()


def test_a_training_computes_with_one_thread_and_does_not_go_on_in_another_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.set_num_threads(2)
    train_image_tokenizer(_training(output=str(tmp_path)))
    assert torch.get_num_threads() == 1
    other = not computes_bfloat16("cpu")
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"amx_bf16": other})
    with pytest.raises(ConfigError, match=r"differs in precision .* go on where it began"):
        train_image_tokenizer(_training(output=str(tmp_path)))


def test_a_training_does_not_go_on_from_other_weights_of_the_same_name(tmp_path: Path) -> None:
    for name, seed in (("one", 1), ("two", 2)):
        train_image_tokenizer(_training(output=str(tmp_path / name / "start"), seed=seed))
    config = _training(output=str(tmp_path / "output"), start=str(tmp_path / "one" / "start"))
    train_image_tokenizer(config)
    with pytest.raises(ConfigError, match="differs in start"):
        train_image_tokenizer(replace(config, start=str(tmp_path / "two" / "start")))
