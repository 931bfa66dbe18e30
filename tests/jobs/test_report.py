"""`omniforge report --model RUN --beside MODEL`: two models on one page, told apart."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
import torch
import training
from made_records import make_records

from omniforge.jobs.cli import FAILED, main
from omniforge.trainer.model import source
from omniforge.trainer.train import train

SMALLER = 64
"""Pixels of the pictures that the model beside makes; those of the run have 256."""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path, Path]:
    """A dataset's reference, the output of a training on it, and a model that `model export` wrote."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("shown")
    data = make_records(folder).dataset.reference
    changes = {"loader": {"sequence_length": 1024, "window_samples": 8}, "batch": {"rows": 1, "micro_rows": 1}, "steps": 1}
    run, exported = folder / "run", folder / "exported"
    train(training.tiny(data, run, **changes, stage1={"lessons": [{"weights": {"t2i": 1.0}, "steps": 1}]}))
    other = train(training.tiny(data, folder / "other", **changes, seed=1))
    assert main(["model", "export", str(other), "--output", str(exported)]) == 0
    state = json.loads((exported / "state.json").read_text())
    tokenize = state["dataset"]["config"]["tokenize"]
    # An export names the tokenizers that are files of this machine by their last names.
    tokenize |= {name: str(folder / "tokenizers" / tokenize[name]) for name in ("image", "speech", "text")}
    (exported / "state.json").write_text(json.dumps(state | {"dataset": with_pictures_of(state["dataset"], SMALLER)}))
    return data, run, exported


def with_pictures_of(dataset: dict, side: int) -> dict:
    tokenize = {**dataset["config"]["tokenize"], "generation": side}
    return {**dataset, "config": {"tokenize": tokenize}}


def page_of(data: str, output: Path, *options: str) -> str:
    command = ["report", data, "--samples", "1", "--responses", "1", "--output", str(output / "report.html")]
    assert main([*command, *options]) == 0
    return unescape((output / "report.html").read_text())


def parts(page: str) -> dict[str, str]:
    """What stands under each title of the first rank."""
    titles = re.findall(r"<h1>(.*?)</h1>", page)
    return dict(zip(titles, re.split(r"<h1>.*?</h1>", page)[1:], strict=True))


@pytest.fixture(scope="module")
def beside(shown: tuple[str, Path, Path], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, str]]:
    """The folder of a page that shows both, and its parts."""
    data, run, exported = shown
    output = tmp_path_factory.mktemp("page")
    return output, parts(page_of(data, output, "--model", str(run), "--beside", str(exported)))


def test_each_model_has_a_part_of_its_own_that_says_whose_it_is(beside: tuple[Path, dict[str, str]]) -> None:
    _, found = beside
    assert [*found] == ["made@v1", "The model of this run", "Another model: exported", "The data"]
    own, other = found["The model of this run"], found["Another model: exported"]
    assert "Trained by this run" in own
    assert "pictures of 256 px" in own
    assert "Not trained by this run" in other
    assert f"pictures of {SMALLER} px" in other
    tasks = re.findall(r"<h2>The model of this run: (\w+)</h2>", own)
    assert len(tasks) == 8
    assert re.findall(r"<h2>Another model: exported: (\w+)</h2>", other) == tasks


def test_curves_are_of_the_run_alone(beside: tuple[Path, dict[str, str]]) -> None:
    _, found = beside
    assert "<svg" in found["The model of this run"]
    assert "<svg" not in found["Another model: exported"]


def test_lessons_have_curves_and_losses_before_those_of_their_stage(beside: tuple[Path, dict[str, str]]) -> None:
    own = beside[1]["The model of this run"]
    assert own.index("stage 1, lesson 1: loss") < own.index("stage 1: loss")
    columns = ["before", "after stage 1, lesson 1", "after stage 1"]
    assert re.findall(rf">({'|'.join(columns)})<", own) == columns


def test_both_are_asked_about_the_same_records_and_answer_for_themselves(beside: tuple[Path, dict[str, str]]) -> None:
    own, other = (
        json.loads((beside[0] / "report.responses" / folder / "showcase.json").read_text()) for folder in ("", "beside")
    )
    assert [(entry["task"], entry["key"]) for entry in own] == [(entry["task"], entry["key"]) for entry in other]
    assert [entry["output"].get("text") for entry in own] != [entry["output"].get("text") for entry in other]


def test_the_shipped_model_is_called_so(shown: tuple[str, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data, _, exported = shown
    monkeypatch.setattr(source, "EMBEDDED", exported)
    found = parts(page_of(data, tmp_path, "--beside", "embedded"))
    assert [*found] == ["made@v1", "The shipped model", "The data"]
    assert "Comes with omniforge; this run has not trained it" in found["The shipped model"]


def test_without_a_shipped_model_asking_for_it_is_an_error_that_says_so(
    shown: tuple[str, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(source, "EMBEDDED", tmp_path / "absent")
    assert main(["report", shown[0], "--beside", "embedded", "--output", str(tmp_path / "report.html")]) == FAILED
    assert "no embedded model in this version" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()
