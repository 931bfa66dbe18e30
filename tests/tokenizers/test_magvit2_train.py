import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from omniforge.tokenizers.magvit2.config import Magvit2Config, StackConfig
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer
from omniforge.tokenizers.magvit2.train import TokenizerTraining, TrainingConfig, train_tokenizer

STACK = StackConfig(ch=8, ch_mult=(1, 1, 2), num_res_blocks=(1, 1, 1), z_channels=6, norm_groups=4)
SIZES = Magvit2Config(encoder=STACK, decoder=STACK)
CONFIG = TrainingConfig(steps=6, save_every=2, warmup=2, relaxed=5, adversarial=0.1, adversarial_from=1)


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def batches(first_step: int) -> Iterator[Tensor]:
    step = first_step
    while True:
        yield torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(step)) * 2 - 1
        step += 1


def stopped_before(step: int):
    def until(first_step: int) -> Iterator[Tensor]:
        for number, pixels in enumerate(batches(first_step), first_step):
            if number == step:
                raise KeyboardInterrupt
            yield pixels

    return until


def test_a_run_that_was_stopped_and_resumed_ends_with_the_same_bytes(tmp_path: Path) -> None:
    train_tokenizer(TokenizerTraining(SIZES, CONFIG), batches, tmp_path / "whole", resume=False)
    with pytest.raises(KeyboardInterrupt):
        train_tokenizer(TokenizerTraining(SIZES, CONFIG), stopped_before(5), tmp_path / "stopped", resume=False)
    train_tokenizer(TokenizerTraining(SIZES, CONFIG), batches, tmp_path / "stopped", resume=True)
    whole, stopped = ((tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "stopped"))
    assert whole == stopped


def test_training_makes_the_reconstruction_better_and_leaves_a_loadable_folder(tmp_path: Path) -> None:
    def same(_first_step: int) -> Iterator[Tensor]:
        while True:
            yield torch.stack([torch.full((3, 16, 16), 0.7), torch.full((3, 16, 16), -0.7)])

    config = replace(CONFIG, steps=100, adversarial=0, learning_rate=5e-3)
    train_tokenizer(TokenizerTraining(SIZES, config), same, tmp_path, resume=False)
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert lines[-1]["mse"] < 0.5 * 0.49
    tokenizer = ImageTokenizer.load(tmp_path)
    codes = tokenizer.encode(next(batches(0)))
    assert codes.shape == (2, 16)
    assert tokenizer.decode(codes, (4, 4)).shape == (2, 3, 16, 16)


def test_a_perceptual_network_is_read_from_a_file(tmp_path: Path) -> None:
    torch.jit.script(nn.Conv2d(3, 4, 3)).save(str(tmp_path / "features.pt"))
    config = replace(CONFIG, steps=25, perceptual=1.0, perceptual_network=tmp_path / "features.pt")
    train_tokenizer(TokenizerTraining(SIZES, config), batches, tmp_path / "run", resume=False)
    assert json.loads((tmp_path / "run" / "log.jsonl").read_text())["perceptual"] > 0


def test_a_checkpoint_in_the_way_and_a_missing_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"no checkpoint is there\. Start without resume"):
        train_tokenizer(TokenizerTraining(SIZES, CONFIG), batches, tmp_path, resume=True)
    (tmp_path / "checkpoint.pt").touch()
    with pytest.raises(ValueError, match=r"a checkpoint is there\. Resume it"):
        train_tokenizer(TokenizerTraining(SIZES, CONFIG), batches, tmp_path, resume=False)


def test_a_perceptual_weight_needs_a_network() -> None:
    with pytest.raises(ValueError, match="give both"):
        TrainingConfig(steps=1, perceptual=0.5)


def test_a_damaged_perceptual_network_is_refused(tmp_path: Path) -> None:
    (tmp_path / "features.pt").write_bytes(b"no network")
    with pytest.raises(ValueError, match="no TorchScript file"):
        TokenizerTraining(SIZES, replace(CONFIG, perceptual=1.0, perceptual_network=tmp_path / "features.pt"))
