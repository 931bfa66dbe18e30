import os
from itertools import islice
from pathlib import Path

import pytest
import torch
from PIL import Image

from omniforge.jobs.tokenizer_image_training import picture_batches, picture_paths, train_image_tokenizer
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer

torch.set_num_threads(1)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    pictures = tmp_path / "pictures" / "deep"
    pictures.mkdir(parents=True)
    Image.effect_noise((70, 50), 80).save(pictures / "noise.png")
    (pictures / "broken.jpg").write_bytes(os.urandom(100))
    return tmp_path / "pictures"


def test_batches_from_a_later_step_go_on_where_the_earlier_ones_were(folder: Path) -> None:
    batches = picture_batches(picture_paths(folder), size=32, seed=3)
    first = list(islice(batches(0), 4))
    assert all(torch.equal(a, b) for a, b in zip(first[2:], islice(batches(2), 2), strict=True))
    assert not torch.equal(first[0], first[1])
    assert first[0].shape == (4, 3, 32, 32)


def test_a_broken_picture_is_left_out_and_said(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    list(islice(picture_batches(picture_paths(folder), size=16, seed=0)(0), 8))
    assert sum("broken.jpg" in record.message for record in caplog.records) == 1


def test_a_folder_without_pictures_and_an_odd_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"holds no \.jpg"):
        train_image_tokenizer(data=str(tmp_path), output=str(tmp_path), steps=1, size=32, seed=0, resume=False)
    with pytest.raises(ValueError, match="size=40 is not a multiple of 16"):
        train_image_tokenizer(data=None, output=str(tmp_path), steps=1, size=40, seed=0, resume=False)


def test_a_trained_folder_loads_as_a_tokenizer(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    train_image_tokenizer(data=str(folder), output=str(out), steps=1, size=32, seed=0, resume=False)
    train_image_tokenizer(data=str(folder), output=str(out), steps=2, size=32, seed=0, resume=True)
    assert ImageTokenizer.load(out).codebook_size == 8192


def test_training_starts_from_given_weights(tmp_path: Path) -> None:
    train_image_tokenizer(data=None, output=str(tmp_path), steps=1, size=32, seed=0, resume=False, start="embedded")
    started, embedded = ImageTokenizer.load(tmp_path).model.state_dict(), ImageTokenizer.load("embedded").model.state_dict()
    assert all(torch.allclose(started[key], embedded[key], atol=0.02) for key in embedded)
