import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from omniforge.jobs.cli import main
from omniforge.jobs.tokenizer_held_out import held_out_text
from omniforge.jobs.tokenizer_speech_evaluation import held_out_sentences
from omniforge.jobs.tokenizer_speech_training import Speaker


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    """Evaluate twice, with a speaker who is held out and one whose recording is missing."""
    root = tmp_path_factory.mktemp("evaluation")
    chapter = root / "data" / "3331"
    chapter.mkdir(parents=True)
    soundfile.write(chapter / "3331-1-0001.flac", Speaker().example("A dog sleeps on the sofa.", 0.9, 1.0, 0).heard, 16_000)
    (chapter / "3331-1.trans.txt").write_text("3331-1-0001 A DOG SLEEPS ON THE SOFA\n3331-1-0002 NOBODY SAID THIS\n")
    reports = [root / name for name in ("one.json", "two.json")]
    for report in reports:
        options = ["--data", str(root / "data"), "--limit", "1", "--output", str(report), "--show", str(root / "show")]
        assert main(["tokenizer", "evaluate", "speech", *options]) == 0
    return root, [json.loads(report.read_text()) for report in reports]


def test_two_runs_write_the_same_report(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    _, (one, two) = runs
    assert one == two


def test_originals_are_understood_and_rates_come_with_intervals(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    _, (report, _) = runs
    assert set(report["synthetic"]) == {"1.0", "0.85", "1.15"}
    usual = report["synthetic"]["1.0"]
    assert usual["word_error_rate"]["original"] == {"rate": 0.0, "interval_95": [0.0, 0.0]}
    assert usual["word_error_rate"]["decoded"]["rate"] < 1
    assert 0 < usual["mel_distance"] < 2
    assert 0 < usual["code_use"]["different"] <= usual["code_use"]["codes"]


def test_speakers_are_measured_one_by_one_and_what_is_left_out_is_named(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    _, (report, _) = runs
    recorded = report["recorded"]
    assert recorded["speakers"]["3331"]["held_out"]
    assert recorded["held_out"]["utterances"] == recorded["all"]["utterances"] == 1
    assert list(recorded["left_out"]) == ["3331/3331-1.trans.txt#3331-1-0002"]


def test_round_trips_are_there_to_listen_to(runs: tuple[Path, list[dict[str, Any]]]) -> None:
    root, _ = runs
    assert "A DOG SLEEPS ON THE SOFA" in (root / "show" / "transcripts.md").read_text()
    original, rate = soundfile.read(root / "show" / "real-speakers-0-original.wav")
    decoded, output_rate = soundfile.read(root / "show" / "real-speakers-0-decoded.wav")
    assert len(decoded) / output_rate == pytest.approx(len(original) / rate, abs=0.1)


def test_sentences_to_measure_are_different_and_never_trained_on() -> None:
    sentences = held_out_sentences(["The lamp is lit."], 60)
    assert len(set(sentences)) == 60
    assert all(map(held_out_text, sentences))
    assert sentences[:20] == held_out_sentences(["The lamp is lit."], 20)
