import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from omniforge.jobs.cli import main
from omniforge.jobs.tokenizer_card import model_card
from omniforge.jobs.tokenizer_config import trained, training_config
from omniforge.tokenizers.magvit2.tokenizer import EMBEDDED


@pytest.mark.parametrize("what", ["image", "speech"])
def test_the_embedded_tokenizers_have_a_card_with_figures_of_their_own_weights(
    what: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tokenizer", "card", what]) == 0
    card = capsys.readouterr().out
    for part in ("| licence | Apache-2.0 |", "## Data", "## Recipe", "## Held-out figures", "## Limits", "Weights sha256:"):
        assert part in card


def test_a_card_shows_the_figures_of_the_report_it_is_given(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = json.loads(EMBEDDED.with_name("magvit2_report.json").read_text())
    report["scenes"]["128"]["psnr_db"] = {"mean": 31.27, "least": 11.5}
    (tmp_path / "report.json").write_text(json.dumps(report))
    assert main(["tokenizer", "card", "image", "--report", str(tmp_path / "report.json")]) == 0
    assert "31.27 / 11.50 dB" in capsys.readouterr().out


def test_a_report_of_other_weights_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "report.json").write_text(json.dumps({"fingerprint": "sha256:other"}))
    assert main(["tokenizer", "card", "image", "--report", str(tmp_path / "report.json")]) == 2
    assert "the report is of weights sha256:other" in capsys.readouterr().err


def test_without_a_report_the_error_says_which_command_writes_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokenizer", "card", "image", "--report", str(tmp_path / "none.json")]) == 2
    assert "omniforge tokenizer evaluate image" in capsys.readouterr().err


def _own_speech(folder: Path, record: dict[str, Any]) -> Path:
    """Lay out weights as a training leaves them, with its record."""
    for path in EMBEDDED.parent.glob("glm4voice*"):
        (folder / path.name).symlink_to(path)
    (folder / "glm4voice_training.json").unlink()
    (folder / "glm4voice_training.json").write_text(json.dumps(record))
    return folder


def test_recordings_that_training_left_out_are_shown_by_reason(tmp_path: Path) -> None:
    data = {"recordings": 7, "recordings_left_out": {"silence": 1, "too_long": 2}}
    card = model_card("speech", str(_own_speech(tmp_path, {"settings": {}, "data": data})), None)
    assert "Read by the training: recordings: 7, recordings left out: 3 (1 silence, 2 too_long)." in card


def _recipe(card: str) -> str:
    return card.split("```yaml\n")[1].split("```")[0]


@pytest.mark.parametrize("what", ["image", "speech"])
def test_the_recipe_on_the_card_of_the_embedded_weights_is_the_packaged_one(what: str, tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(_recipe(model_card(what, "embedded", None)))
    # Which folder it is, is of whoever trains.
    overrides = ["output=here", "data=there"]
    recipes = [training_config(path, overrides) for path in (str(tmp_path / "recipe.yaml"), f"tokenizer_{what}.yaml")]
    assert recipes[0] == recipes[1]


def test_the_recipe_of_a_training_of_ones_own_is_one_that_train_accepts(tmp_path: Path) -> None:
    config = training_config("tokenizer_speech.yaml", ["output=here", "data=there"])
    record = asdict(trained(config, {"texts": 0}, {}))
    (tmp_path / "recipe.yaml").write_text(_recipe(model_card("speech", str(_own_speech(tmp_path, record)), None)))
    assert training_config(str(tmp_path / "recipe.yaml"), ["output=here"]) == config
