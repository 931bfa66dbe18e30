import json
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from omniforge.jobs.cli import main
from omniforge.jobs.tokenizer_held_out import held_out
from omniforge.jobs.tokenizer_image_evaluation import evaluate_image_tokenizer, held_out_pictures


def _write(path: Path, *, left_for_evaluation: bool, size: tuple[int, int] = (64, 48)) -> None:
    """Write a picture of noise whose bytes fall on the wanted side of the rule."""
    for sigma in count(10):
        Image.effect_noise(size, sigma).convert("RGB").save(path)
        if held_out(path) == left_for_evaluation:
            return


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    data.mkdir()
    _write(data / "measured.png", left_for_evaluation=True)
    _write(data / "trained on.png", left_for_evaluation=False)
    _write(data / "strip.png", left_for_evaluation=True, size=(400, 8))
    return data


def test_two_runs_write_the_same_report_with_all_figures_and_sheets(folder: Path, tmp_path: Path) -> None:
    reports = [tmp_path / name for name in ("one.json", "two.json")]
    for report in reports:
        options = ["--data", str(folder), "--limit", "1", "--output", str(report), "--show", str(tmp_path / "show")]
        assert main(["tokenizer", "evaluate", "image", *options]) == 0
    assert reports[0].read_bytes() == reports[1].read_bytes()
    written = json.loads(reports[0].read_text())
    assert set(written["pictures"]) == {"128", "256", "512"}
    scenes = written["scenes"]["128"]
    assert scenes["count"] == 1
    assert scenes["code_use"]["codes"] == 64
    assert 15 < scenes["psnr_db"]["least"] <= scenes["psnr_db"]["mean"] < 40
    with Image.open(tmp_path / "show" / "scenes-128px.png") as sheet:
        assert sheet.size == (132, 2 * 132)


def test_only_held_out_pictures_are_measured_and_unreadable_ones_are_named(folder: Path) -> None:
    (folder / "copy.png").write_bytes((folder / "measured.png").read_bytes())
    found = dict(held_out_pictures(folder))
    assert list(found) == ["copy.png", "strip.png"]
    assert isinstance(found["copy.png"], Image.Image)
    assert "aspect" in found["strip.png"].reason


def test_a_folder_without_a_held_out_picture_is_refused(tmp_path: Path) -> None:
    _write(tmp_path / "trained on.png", left_for_evaluation=False)
    with pytest.raises(ValueError, match="held out"):
        evaluate_image_tokenizer(source="embedded", data=str(tmp_path), limit=1)


def test_round_trips_that_are_not_shown_are_not_kept() -> None:
    evaluation = evaluate_image_tokenizer(source="embedded", data=None, limit=3, shown=2)
    assert evaluation.report["scenes"]["128"]["count"] == 3
    ((_, trips),) = evaluation.shown
    assert [trip.name for trip in trips] == ["scene 0", "scene 1"]


def test_folders_for_the_report_are_made(tmp_path: Path) -> None:
    report = tmp_path / "new" / "deep" / "report.json"
    assert main(["tokenizer", "evaluate", "image", "--limit", "1", "--output", str(report)]) == 0
    assert json.loads(report.read_text())["scenes"]


def test_a_folder_in_place_of_the_report_is_refused_before_measuring(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tokenizer", "evaluate", "image", "--source", "nowhere", "--output", str(tmp_path)]) == 2
    assert "is a folder" in capsys.readouterr().err


def test_a_limit_below_one_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokenizer", "evaluate", "image", "--limit", "0"]) == 2
    assert "at least 1" in capsys.readouterr().err
