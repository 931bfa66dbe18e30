from dataclasses import replace
from pathlib import Path

import pytest
import torch

from omniforge.trainer.checkpoint import (
    CheckpointError,
    TrainingState,
    checkpoints,
    clear_remains,
    load_optimizer,
    read_state,
    save_checkpoint,
)
from omniforge.trainer.loader import Position
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.optimizer import OptimizerConfig, freeze, make_optimizer
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


def trained(frozen: tuple[str, ...] = ()) -> tuple[Dream, torch.optim.AdamW]:
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
    optimizer = make_optimizer(model, OptimizerConfig())
    optimizer.param_groups[0]["lr"] = 0.1
    sum(parameter.sin().sum() for parameter in model.parameters()).backward()
    optimizer.step()
    return model, optimizer


def save(folder: Path, step: int, keep: int = 2) -> Path:
    model, optimizer = trained()
    return save_checkpoint(folder, model, optimizer, replace(STATE, step=step), ALONE, keep)


def test_what_was_saved_is_what_is_read(tmp_path: Path) -> None:
    model, optimizer = trained(("model.norm",))
    path = save_checkpoint(tmp_path, model, optimizer, STATE, ALONE, 2)
    assert path == tmp_path / "step-00000007"
    assert read_state(path) == STATE
    read = load_pretrained(path, dtype=torch.float32)
    assert all(torch.equal(one, other) for one, other in zip(read.parameters(), model.parameters(), strict=True))
    freeze(read, ("model.norm",))
    fresh = make_optimizer(read, OptimizerConfig())
    load_optimizer(path, read, fresh, STATE.updates)
    loaded, saved = fresh.state_dict()["state"], optimizer.state_dict()["state"]
    assert loaded.keys() == saved.keys()
    for index, moments in saved.items():
        assert all(torch.equal(loaded[index][name], moments[name]) for name in ("step", "exp_avg", "exp_avg_sq"))


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
    model, optimizer = trained()
    with pytest.raises(CheckpointError, match=r"step-00000001: optimizer\.safetensors"):
        load_optimizer(path, model, optimizer, 1)
