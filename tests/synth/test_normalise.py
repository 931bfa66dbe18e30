import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.synth.normalise import normalise


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("It's 3,200 kg", "it is three thousand two hundred kilograms"),
        ("$3.50", "three dollars and fifty cents"),
        ("3 dollars and 50 cents", "three dollars and fifty cents"),
        ("£1", "one pound"),
        ("$0.99", "ninety nine cents"),
        ("$1.5 million", "one point five million dollars"),
        ("10:30 a.m.", "ten thirty am"),
        ("10:05", "ten oh five"),
        ("7:00 pm", "seven pm"),
        ("10:00", "ten oclock"),
        ("in 1999", "in nineteen ninety nine"),
        ("2000 kg", "two thousand kilograms"),
        ("1 ft", "one foot"),
        ("the 3rd", "the third"),
        ("one hundred and twenty", "one hundred twenty"),
        ("120", "one hundred twenty"),
        ("-5", "minus five"),
        ("2.5%", "two point five percent"),
        ("½ cup", "one half cup"),
        ("007", "zero zero seven"),
        ("U.S.A.", "usa"),
        ("Dr. Smith", "doctor smith"),
        ("I can’t; we won't", "i can not we will not"),
        ("café", "cafe"),
        ("...", ""),
        ("", ""),
    ],
)
def test_a_text_is_spelt_as_it_is_said(written: str, said: str) -> None:
    assert normalise(written) == said


@pytest.mark.parametrize(
    ("british", "american"),
    [
        ("What colour is it?", "what color is it"),
        ("grey tyres", "gray tires"),
        ("the centre", "the center"),
        ("travelling", "traveling"),
    ],
)
def test_british_spelling_is_the_same_text(british: str, american: str) -> None:
    assert normalise(british) == normalise(american)


def test_hours_and_four_are_not_mistaken_for_british_spelling() -> None:
    assert normalise("four hours of your tour") == "four hours of your tour"


@given(st.text(max_size=200))
def test_any_text_is_normalised_without_an_error_to_words_and_single_blanks(text: str) -> None:
    words = normalise(text).split(" ")
    assert words == [""] or all(words)


@given(st.text(alphabet="0123456789.,$£:%/- kgmh½²٣", max_size=40))
def test_any_mixture_of_digits_and_signs_is_normalised_without_an_error(text: str) -> None:
    normalise(text)
