from pathlib import Path

import numpy as np
import pytest
import soundfile

from omniforge.jobs.tokenizer_held_out import held_out_speaker, held_out_text
from omniforge.jobs.tokenizer_speech_data import read_speech

TRAINED, HELD_OUT = "2033", "3331"
"""Speakers."""
FREE, LEFT = "HELLO THERE", "OPEN THE WINDOW"
"""Texts to train on and held out."""


def _symbols(text: str) -> list[int]:
    return [ord(letter) for letter in text if letter.isalpha()]


def _say(folder: Path, speaker: str, *texts: str, seconds: float = 1.5) -> None:
    (folder / speaker).mkdir()
    lines = [f"{speaker}-1-{number:04} {text}\n" for number, text in enumerate(texts)]
    (folder / speaker / f"{speaker}-1.trans.txt").write_text("".join(lines))
    for number in range(len(texts)):
        noise = np.random.default_rng(number).normal(0, 0.1, round(16_000 * seconds))
        soundfile.write(folder / speaker / f"{speaker}-1-{number:04}.flac", noise, 16_000)


def _trained_on(folder: Path) -> list[list[int]]:
    return [item.symbols.tolist() for item in read_speech(folder, _symbols).recordings]


def test_the_examples_are_on_the_sides_they_are_named_for() -> None:
    assert [held_out_speaker(name) for name in (TRAINED, HELD_OUT)] == [False, True]
    assert [held_out_text(text) for text in (FREE, LEFT)] == [False, True]


def test_a_recording_of_a_held_out_speaker_is_not_trained_on(tmp_path: Path) -> None:
    _say(tmp_path, TRAINED, FREE)
    _say(tmp_path, HELD_OUT, "GOOD MORNING EVERYBODY")
    assert _trained_on(tmp_path) == [_symbols(FREE.lower())]


@pytest.mark.parametrize("said", [LEFT, f"Hello there. {LEFT.capitalize()}."])
def test_a_held_out_sentence_is_not_trained_on_whoever_says_it(tmp_path: Path, said: str) -> None:
    _say(tmp_path, TRAINED, FREE, said)
    assert _trained_on(tmp_path) == [_symbols(FREE.lower())]


def test_what_a_held_out_speaker_says_is_not_spoken_for_training(tmp_path: Path) -> None:
    _say(tmp_path, TRAINED, FREE)
    _say(tmp_path, HELD_OUT, "GOOD MORNING EVERYBODY")
    (tmp_path / "captions.txt").write_text("Good morning, everybody!\nA red bus stops.\n")
    assert read_speech(tmp_path, _symbols).texts == ["A red bus stops.", "hello there"]


def test_what_is_left_out_is_counted_by_reason(tmp_path: Path) -> None:
    _say(tmp_path, TRAINED, FREE, LEFT)
    _say(tmp_path, HELD_OUT, "GOOD MORNING EVERYBODY")
    _say(tmp_path, "1688", "SHE READ ALOUD FOR A WHILE AND THEN SHE WENT AWAY WITHOUT A WORD", seconds=9.5)
    (tmp_path / "7").mkdir()
    (tmp_path / "7" / "7-1.trans.txt").write_text("7-1-0000 NOBODY SAID THIS\n")
    assert read_speech(tmp_path, _symbols).left_out == {
        "held_out_speaker": 1,
        "held_out_text": 1,
        "missing_media": 1,
        "too_long": 1,
    }
    assert read_speech(tmp_path, lambda _text: []).left_out["no_phonemes"] == 1


def test_the_fingerprint_is_of_texts_transcripts_of_one_word_and_samples(tmp_path: Path) -> None:
    prints = []
    for name, word, caption, seconds in (
        ("first", "SEVEN", "A red bus.", 1.5),
        ("word", "ELEVEN", "A red bus.", 1.5),
        ("caption", "SEVEN", "A green bus.", 1.5),
        ("longer", "SEVEN", "A red bus.", 1.6),
        ("same", "SEVEN", "A red bus.", 1.5),
    ):
        (tmp_path / name).mkdir()
        _say(tmp_path / name, TRAINED, word, seconds=seconds)
        (tmp_path / name / "captions.txt").write_text(f"{caption}\n")
        prints.append(read_speech(tmp_path / name, _symbols).fingerprint)
    assert len(set(prints[:-1])) == 4
    assert prints[-1] == prints[0]
