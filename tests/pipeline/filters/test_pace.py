import pytest

from omniforge.pipeline.filters.pace import PaceConfig, pace_problem, words_per_second

CONFIG = PaceConfig()


@pytest.mark.parametrize(
    ("transcript", "seconds"),
    [
        ("three", 0.197),
        ("seven", 0.287),
        ("four", 0.204),
        ("what joy there is in living", 1.76),
        ("a book could be written about this restaurant and then all would not be told so many stories", 5.9),
        ("真っ昼間なのにキャンプの外れの電柱に電球がともっていた", 4.0),
        ("one", 15.0),
    ],
)
def test_what_people_can_say_in_the_time_passes(transcript, seconds):
    assert pace_problem(transcript, seconds, CONFIG) is None


@pytest.mark.parametrize(
    ("transcript", "seconds"),
    [
        ("nine hundred and ninety nine thousand", 0.5),
        ("999,000", 0.5),
        ("what joy there is in living", 0.44),
        ("seven and eight", 0.24),
        ("only three words", 60.0),
    ],
)
def test_what_nobody_can_have_said_is_a_mismatch(transcript, seconds):
    problem = pace_problem(transcript, seconds, CONFIG)
    assert problem is not None
    assert problem.reason == "transcript_mismatch"


def test_words_are_counted_as_spoken():
    assert words_per_second("21 dogs", 2.0) == 1.5
