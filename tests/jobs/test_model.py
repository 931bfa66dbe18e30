"""`omniforge model`: export, then evaluate what was exported, then write its card."""

import json
import shutil
from dataclasses import asdict
from pathlib import Path

import pytest
import torch
import training
from tiny_checkpoint import save_checkpoint, save_tokenizers
from token_datasets import made_dataset

from omniforge.jobs.cli import USAGE, main
from omniforge.pipeline.tokenization import TokenizeConfig
from omniforge.trainer.train import train


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights with tokenizers to them, in the state of a training that was really run."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("tiny")
    data = made_dataset(folder / "root", {"t2i": 12}, config={"tokenize": asdict(TokenizeConfig())})
    state = json.loads((train(training.tiny(data.reference, folder / "out", steps=1)) / "state.json").read_text())
    made = save_checkpoint(folder / "checkpoint", save_tokenizers(folder / "tokenizers"))
    description = json.loads((made / "state.json").read_text())["dataset"]
    # Short answers, so that an evaluation takes a second.
    description["lengths"] = {"vqa": {"base": 4, "per_prompt_token": 0, "spread": 0}}
    (made / "state.json").write_text(json.dumps({**state, "dataset": description}))
    return made


@pytest.fixture(scope="module")
def exported(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "model"
    assert main(["model", "export", str(checkpoint), "--output", str(folder)]) == 0
    # The tokenizers of this test are files, and an export names files by their last name alone.
    shutil.copy(checkpoint / "state.json", folder / "state.json")
    return folder


def evaluate(folder: Path, output: Path) -> list[str]:
    command = ["--suite", "scenes", "--samples", "2", "--tasks", "vqa", "--output", str(output)]
    assert main(["evaluate", str(folder), *command]) == 0
    return ["--evaluation", str(output)]


def test_a_card_shows_the_figures_of_the_exported_folder_and_keeps_answers(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "model")
    assert main(["model", "card", str(folder), *evaluate(folder, tmp_path / "evaluation")]) == 0
    card, summary = (folder / "README.md").read_text(), json.loads((folder / "evaluation.json").read_text())
    figure = summary["tasks"]["vqa"]["figures"]["model"]["all"]
    assert f"| vqa | all | {100 * figure['value']:.1f} [" in card
    for part in ("| licence | Apache-2.0 |", summary["facts"]["checkpoint"], summary["facts"]["vocabulary"], "content sha256 "):
        assert part in card
    items = json.loads((folder / "evaluation_items.json").read_text())["vqa"]
    assert items == json.loads((tmp_path / "evaluation" / "tasks" / "vqa.json").read_text())[:12]
    assert main(["model", "card", str(folder)]) == 0
    assert (folder / "README.md").read_text() == card


def test_an_evaluation_of_the_checkpoint_itself_is_refused(
    checkpoint: Path, exported: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(exported, tmp_path / "model")
    assert main(["model", "card", str(folder), *evaluate(checkpoint, tmp_path / "evaluation")]) == USAGE
    assert "evaluate that folder itself" in capsys.readouterr().err
    assert not (folder / "evaluation.json").exists()


def test_a_card_without_an_evaluation_says_how_to_get_one(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "model")
    assert main(["model", "card", str(folder)]) == 0
    assert "Not evaluated: `omniforge evaluate" in (folder / "README.md").read_text()


def test_a_card_tells_of_the_model_that_the_training_began_with(exported: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(exported, tmp_path / "model")
    told = json.loads((folder / "training.json").read_text())
    (folder / "training.json").write_text(json.dumps(told | {"began": {"name": "embedded", "training": told}}))
    assert main(["model", "card", str(folder)]) == 0
    card, before = ((one / "README.md").read_text() for one in (folder, carded(exported, tmp_path / "before")))
    assert "began with the model embedded: of the rows above, the first 1 tell of its training" in card
    assert "began with" not in before
    assert card.count("\n| 1 | 1 |") == 2 == 2 * before.count("\n| 1 | 1 |")


def carded(exported: Path, folder: Path) -> Path:
    shutil.copytree(exported, folder)
    assert main(["model", "card", str(folder)]) == 0
    return folder


def test_a_checkpoint_that_was_not_exported_gets_no_card(checkpoint: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["model", "card", str(checkpoint)]) == USAGE
    assert "omniforge model export" in capsys.readouterr().err
