import pytest
from hypothesis import given
from hypothesis import strategies as st
from num2words import CONVERTER_CLASSES

from omniforge.pipeline.filters.transcript import (
    TranscriptConfig,
    pair_problem,
    spoken_words,
    transcript_problem,
    word_error_rate,
)

CONFIG = TranscriptConfig()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 1,200.", "its one thousand two hundred"),
        ("The 21st of May", "the twenty first of may"),
        ("QUOTH ZAU-AL MAKAN!", "quoth zau al makan"),
        ("真っ昼間", "真 っ 昼 間"),
        ("7" * 20, " ".join(["seven"] * 20)),
        ("1234567890th", "one two three four five six seven eight nine zero"),
        ("...", ""),
    ],
)
def test_a_text_is_written_the_way_it_is_said(text, words):
    assert " ".join(spoken_words(text)) == words


def test_an_unknown_language_leaves_numbers_alone():
    assert spoken_words("12 x", "xx") == ["12", "x"]


@given(st.integers(0, 10**17), st.sampled_from(sorted(CONVERTER_CLASSES)), st.sampled_from(["", "st", "nd", "th"]))
def test_no_number_in_any_language_breaks_it(number, language, ending):
    assert spoken_words(f"{number}{ending}", language)


def test_an_english_ending_in_another_language_is_a_number_too():
    assert spoken_words("0th 3rd", "pl") == ["zero", "trzy"]


def test_word_errors_do_not_count_case_punctuation_or_the_form_of_numbers():
    assert word_error_rate("Twenty-one dogs.", "21 DOGS") == 0
    assert word_error_rate("a b", "") == 1
    assert word_error_rate("", "a") == 1
    assert word_error_rate("a b c d", "a") == 0.75
    assert word_error_rate("", "") == 0


@pytest.mark.parametrize(
    ("heard", "reference"),
    [
        ("what joy there is in living", "WHAT JOY THERE IS IN LIVING"),
        ("The lighter digits and centuries tend to appear.", "THE LATER TRADITIONS TEND TO EXTEND THE PERIOD"),
        ("Tell me what happened, what's out of my car?", "TELL ME WHAT HAPPENED QUOTH ZAU AL MAKAN"),
        ("Thank you.", "eight"),
        ("forward.", "four"),
        ("9", "nine"),
        ("", "seven"),
        ("tue", "two"),
        ("My favorite mananami", "真っ昼間なのにキャンプの外れの電柱に電球がともっていた"),
    ],
)
def test_what_may_belong_together_passes(heard, reference):
    assert transcript_problem(heard, reference, CONFIG) is None


@pytest.mark.parametrize(
    ("heard", "reference"),
    [
        ("Let me see how can I begin?", "JUST SUPPOSE IT IS TRUE THAT HE DOES ASK ME AND I SAY YES WHAT A SPITEFUL THING I AM"),
        ("The child almost hurt the small dog.", "the weather in the mountains was clear for nine days"),
        ("Thank you.", "an opening quote that never closes"),
        ("", "three words here"),
        ("Nine.", "four"),
    ],
)
def test_clearly_another_text_is_a_mismatch(heard, reference):
    problem = transcript_problem(heard, reference, CONFIG)
    assert problem is not None
    assert problem.reason == "transcript_mismatch"


def test_a_spoken_prompt_must_share_a_content_word_with_what_is_known_of_the_picture():
    known = ("A large white bowl of many green apples.", "fruit on a table")
    assert pair_problem("please show me a bowl with an apple", known) is None
    mismatch = pair_problem("the child almost hurt the small dog", known)
    assert mismatch is not None
    assert mismatch.reason == "transcript_mismatch"


def test_function_words_alone_do_not_make_a_pair():
    problem = pair_problem("show me the picture of it", ("a picture of the sea",))
    assert problem is not None
    assert problem.reason == "transcript_mismatch"


def test_a_pair_of_which_nothing_is_known_is_unverified():
    problem = pair_problem("a dog", ())
    assert problem is not None
    assert problem.reason == "unverified_pair"
