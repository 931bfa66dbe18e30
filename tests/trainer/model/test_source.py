"""A model by name: the shipped one, or a folder; float16 is what it is stored as, not what it computes in."""

from pathlib import Path

import pytest
import torch
from tiny_checkpoint import save_checkpoint, save_tokenizers

from omniforge.trainer.generation.origin import read_origin
from omniforge.trainer.model import source
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.model.export import export


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tiny")
    return save_checkpoint(folder / "checkpoint", save_tokenizers(folder / "tokenizers"))


def test_without_weights_the_error_says_that_this_version_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "EMBEDDED", tmp_path)
    for reading in (load_pretrained, read_origin):
        with pytest.raises(ValueError, match=r"no embedded model in this version: .*give the folder"):
            reading("embedded")


def test_the_name_embedded_is_the_shipped_folder(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "EMBEDDED", checkpoint)
    assert read_origin("embedded") == read_origin(checkpoint)
    named, own = load_pretrained("embedded").state_dict(), load_pretrained(checkpoint).state_dict()
    assert all(torch.equal(named[name], tensor) for name, tensor in own.items())


def test_a_folder_that_is_called_embedded_is_a_folder(checkpoint: Path) -> None:
    assert source.model_folder(Path("embedded")) == source.model_folder("./embedded") == Path("embedded")


def test_weights_stored_as_float16_compute_in_float32(checkpoint: Path, tmp_path: Path) -> None:
    model = load_pretrained(checkpoint)
    export(model.state_dict(), model.config, tmp_path / "half", dtype=torch.float16)
    half = load_pretrained(tmp_path / "half").state_dict()
    assert {tensor.dtype for tensor in half.values()} == {torch.float32}
    assert all(torch.equal(half[name], tensor.half().float()) for name, tensor in model.state_dict().items())
