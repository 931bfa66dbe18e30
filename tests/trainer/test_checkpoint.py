from dataclasses import replace
from pathlib import Path

import pytest
import torch

from omniforge.trainer.checkpoint import (
    CheckpointError,
    TrainingState,
    checkpoints,
    clear_remains,
    load_optimizers,
    read_state,
    save_checkpoint,
)
from omniforge.trainer.loader import Position
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.optimizer import OptimizerConfig, freeze, make_optimizers, step_optimizers
from omniforge.trainer.parallel import Processes

ALONE = Processes(0, 1, torch.device("cpu"))
STATE = TrainingState(
    stage=2,
    step=7,
    steps=9,
    updates=1,
    skipped=0,
    tokens=123,
    position=Position(epoch=1, sequence=5, window=2, row=1),
    identity={"seed": 1},
    settings={"objective": "mdm"},
    dataset={"reference": "root/made@v1"},
)


Optimizers = tuple[torch.optim.Optimizer, ...]


def trained(frozen: tuple[str, ...] = (), optimizer: OptimizerConfig = OptimizerConfig()) -> tuple[Dream, Optimizers]:
    """A model that took one step."""
    config = DreamConfig(
        vocab_size=20,
        hidden_size=8,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        mask_token_id=18,
        pad_token_id=19,
    )
    model = Dream(config)
    initialise(model, 0)
    freeze(model, frozen)
    optimizers = make_optimizers(model, optimizer)
    sum(parameter.sin().sum() for parameter in model.parameters()).backward()
    step_optimizers(optimizers, 0.1)
    return model, optimizers


def save(folder: Path, step: int, keep: int = 2) -> Path:
    model, optimizers = trained()
    return save_checkpoint(folder, model, optimizers, replace(STATE, step=step), ALONE, keep)


@pytest.mark.parametrize("config", [OptimizerConfig(), OptimizerConfig(matrices="muon")], ids=["adamw", "muon"])
def test_what_was_saved_is_what_is_read(config: OptimizerConfig, tmp_path: Path) -> None:
    model, optimizers = trained(("model.norm",), config)
    path = save_checkpoint(tmp_path, model, optimizers, STATE, ALONE, 2)
    assert path == tmp_path / "step-00000007"
    assert read_state(path) == STATE
    read = load_pretrained(path, dtype=torch.float32)
    assert all(torch.equal(one, other) for one, other in zip(read.parameters(), model.parameters(), strict=True))
    freeze(read, ("model.norm",))
    fresh = make_optimizers(read, config)
    load_optimizers(path, read, fresh, STATE.updates)
    for one, other in zip(fresh, optimizers, strict=True):
        loaded, saved = one.state_dict()["state"], other.state_dict()["state"]
        assert loaded.keys() == saved.keys()
        for index, moments in saved.items():
            assert loaded[index].keys() == moments.keys()
            assert all(torch.equal(loaded[index][name], moment) for name, moment in moments.items())


def test_the_last_ones_stay_and_older_ones_go(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save(tmp_path, step)
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000002", "step-00000003"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step-00000002", "step-00000003"]


def test_what_a_killed_run_left_half_written_is_no_checkpoint_and_goes(tmp_path: Path) -> None:
    save(tmp_path, 1)
    (tmp_path / ".writing-step-00000002").mkdir()
    (tmp_path / ".deleting-step-00000000").mkdir()
    assert [path.name for path in checkpoints(tmp_path)] == ["step-00000001"]
    clear_remains(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_a_damaged_state_names_the_checkpoint(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    (path / "state.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"step-00000001.*state\.json is unreadable"):
        read_state(path)


def test_cut_off_moments_name_the_checkpoint(tmp_path: Path) -> None:
    path = save(tmp_path, 1)
    file = path / "optimizer.safetensors"
    file.write_bytes(file.read_bytes()[:-10])
    model, optimizers = trained()
    with pytest.raises(CheckpointError, match=r"step-00000001: optimizer\.safetensors"):
        load_optimizers(path, model, optimizers, 1)
