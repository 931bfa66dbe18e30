import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from omniforge.jobs.cli import main
from omniforge.jobs.tokenizer_held_out import held_out_text
from omniforge.jobs.tokenizer_speech_evaluation import held_out_sentences
from omniforge.jobs.tokenizer_speech_training import Speaker


def _evaluate(report: Path, *options: str) -> dict[str, Any]:
    assert main(["tokenizer", "evaluate", "speech", "--limit", "2", "--output", str(report), *options]) == 0
    written: dict[str, Any] = json.loads(report.read_text())
    return written


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Evaluate with a speaker who is held out and one whose recording is missing."""
    root = tmp_path_factory.mktemp("evaluation")
    chapter = root / "data" / "3331"
    chapter.mkdir(parents=True)
    soundfile.write(chapter / "3331-1-0001.flac", Speaker().example("A dog sleeps on the sofa.", 0.9, 1.0, 0).heard, 16_000)
    (chapter / "3331-1.trans.txt").write_text("3331-1-0001 A DOG SLEEPS ON THE SOFA\n3331-1-0002 NOBODY SAID THIS\n")
    return root, _evaluate(root / "report.json", "--data", str(root / "data"), "--show", str(root / "show"))


def test_another_run_measures_the_same(evaluated: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    root, report = evaluated
    assert _evaluate(tmp_path / "again.json", "--data", str(root / "data")) == report


def test_originals_are_understood_and_rates_come_with_intervals(evaluated: tuple[Path, dict[str, Any]]) -> None:
    _, report = evaluated
    assert set(report["synthetic"]) == {"1.0", "0.85", "1.15"}
    usual = report["synthetic"]["1.0"]
    assert usual["word_error_rate"]["original"] == {"rate": 0.0, "interval_95": [0.0, 0.0]}
    assert usual["word_error_rate"]["decoded"]["rate"] < 1
    assert 0 < usual["mel_distance"] < 2
    assert 0 < usual["code_use"]["different"] <= usual["code_use"]["codes"]


def test_speakers_are_measured_one_by_one_and_what_is_left_out_is_named(evaluated: tuple[Path, dict[str, Any]]) -> None:
    recorded = evaluated[1]["recorded"]
    assert recorded["speakers"]["3331"]["held_out"]
    assert recorded["held_out"]["utterances"] == recorded["all"]["utterances"] == 1
    assert list(recorded["left_out"]) == ["3331/3331-1.trans.txt#3331-1-0002"]


def test_round_trips_are_there_to_listen_to(evaluated: tuple[Path, dict[str, Any]]) -> None:
    show = evaluated[0] / "show"
    assert "A DOG SLEEPS ON THE SOFA" in (show / "transcripts.md").read_text()
    assert "| speaker 3331, held out | 1 (6) |" in (show / "figures.md").read_text()
    original, rate = soundfile.read(show / "real-speakers-0-original.wav")
    decoded, output_rate = soundfile.read(show / "real-speakers-0-decoded.wav")
    assert len(decoded) / output_rate == pytest.approx(len(original) / rate, abs=0.1)


def test_sentences_to_measure_are_different_and_never_trained_on() -> None:
    sentences = held_out_sentences(["The lamp is lit."], 60)
    assert len(set(sentences)) == 60
    assert all(map(held_out_text, sentences))
    assert sentences[:20] == held_out_sentences(["The lamp is lit."], 20)
