"""The command `omniforge train` in two Ray Train workers, by `ray job submit`: the numbers of one process."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import training
import yaml
from building import clean_environment
from ray_head import Head, ray_head
from token_datasets import made_dataset

from omniforge.trainer.checkpoint import checkpoints
from omniforge.trainer.train import train


@pytest.fixture
def head() -> Iterator[Head]:
    with ray_head(Path(sys.executable), clean_environment(), 200_000_000) as started:
        yield started


def test_a_submitted_training_in_two_workers_gives_the_numbers_of_one_process(head: Head, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    data = made_dataset(tmp_path / "root", {"t2i": 50, "caption": 40}, held_out=3).reference
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump({**training.TINY, "data": data, "output": str(tmp_path / "out"), "processes": 2}))
    said = head.submit(
        *("--working-dir", str(tmp_path / "root" / "manifests"), "--"),
        *(sys.executable, "-m", "omniforge.jobs.cli", "train", "--config", str(config)),
    ).stdout
    (last,) = checkpoints(tmp_path / "out" / "stage-1")[-1:]
    assert f"model: {last}" in said
    alone = train(training.tiny(data, tmp_path / "alone"))
    for name, tensor in training.weights(alone).items():
        torch.testing.assert_close(training.weights(last)[name], tensor, atol=2e-5, rtol=1e-4, msg=name)
