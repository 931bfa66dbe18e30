"""Which commands `omniforge demo` runs after the build: with a shipped model, without one, and for the full chain."""

import argparse
import json
import shutil
from pathlib import Path

import pytest
import torch
from made_records import Made, make_records

from omniforge.jobs import demo
from omniforge.jobs.cli import USAGE, main
from omniforge.tokenizers import precision
from omniforge.trainer.generation.origin import describe
from omniforge.trainer.model import source


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    torch.set_num_threads(1)
    return make_records(tmp_path_factory.mktemp("made"))


@pytest.fixture
def shipped(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A shipped model of the same tokenizers as the dataset."""
    folder = shutil.copytree(made.checkpoint, tmp_path / "shipped")
    (folder / "state.json").write_text(json.dumps({"dataset": describe(made.dataset)}))
    monkeypatch.setattr(source, "EMBEDDED", folder)
    return folder


def commands(made: Made, *arguments: str) -> list[list[str]]:
    parser = argparse.ArgumentParser()
    demo.register(parser.add_subparsers())
    options = parser.parse_args(["demo", *arguments])
    return demo.after_build(options, demo.FULL if options.full else demo.SHORT, Path("out"), made.dataset)


def test_the_page_shows_the_shipped_model_beside_the_demos_own(made: Made, shipped: Path) -> None:
    *_, report = commands(made)
    assert report == [
        *("report", made.dataset.reference, "--model", "out/model-v1"),
        *("--beside", "embedded", "--output", "out/report.html"),
    ]


def test_without_a_shipped_model_the_demo_says_so_and_shows_its_own(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(source, "EMBEDDED", tmp_path / "absent")
    *_, report = commands(made)
    assert report == ["report", made.dataset.reference, "--model", "out/model-v1", "--output", "out/report.html"]
    assert "will show the model of this run alone: no embedded model in this version" in capsys.readouterr().out


def test_a_shipped_model_of_other_tokenizers_is_left_out_with_their_names(
    made: Made, shipped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    state = json.loads((shipped / "state.json").read_text())
    state["dataset"]["tokenizers"]["magvit2"] = "another"
    (shipped / "state.json").write_text(json.dumps(state))
    *_, report = commands(made)
    assert "--beside" not in report
    assert "the shipped one has another magvit2\n" in capsys.readouterr().out


def test_the_full_chain_evaluates_what_it_exports_and_shows_its_own_model_alone(
    made: Made, shipped: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "measured_precision", lambda device: f"measured-{torch.device(device).type}")
    *_, train, export, evaluate, card, report = commands(made, "--full", "--samples", "3", "--train", "steps=9")
    assert train[-1] == "steps=9"
    device = "cuda" if torch.cuda.is_available() else "cpu"
    assert train[-2] == f"precision=measured-{device}"
    assert export == ["model", "export", "out/model-v1", "--output", "out/export-v1"]
    assert evaluate[:2] == ["evaluate", "out/export-v1"]
    assert evaluate[-2:] == ["--samples", "3"]
    assert card == ["model", "card", "out/export-v1", "--evaluation", "out/evaluation-v1"]
    assert "--beside" not in report


def test_how_to_evaluate_is_refused_where_nothing_is_evaluated(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--samples", "3"]) == USAGE
    assert "add --full" in capsys.readouterr().err
