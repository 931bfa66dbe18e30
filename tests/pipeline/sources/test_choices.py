import pytest

from omniforge.pipeline.sources.choices import options, require_choice
from omniforge.pipeline.sources.refused import Refused


@pytest.mark.parametrize(
    ("question", "letters"),
    [
        ("Which?\nA. red\nB. blue\nC. green", ("A", "B", "C")),
        ("Which?\n(A) red\n(B) blue", ("A", "B")),
        ("Which?\nA: red\n B) blue", ("A", "B")),
        ("Which?\nA. red\nC. blue", ()),
        ("A. Einstein was born when?", ()),
        ("Is it A.B. or C.D.?", ()),
    ],
)
def test_options_are_letters_in_order_one_to_a_line(question, letters):
    assert options(question) == letters


@pytest.mark.parametrize("answer", ["A", "b", "(B)", "B.", "blue", "E is not there"])
def test_an_answer_that_may_be_one_of_the_options_passes(answer):
    require_choice("Which?\nA. red\nB. blue", answer)


@pytest.mark.parametrize("answer", ["C", " e", "(Z)"])
def test_a_letter_that_is_not_offered_is_refused(answer):
    with pytest.raises(Refused, match="answer_not_in_choices"):
        require_choice("Which?\nA. red\nB. blue", answer)


def test_a_letter_answers_a_question_without_options():
    require_choice("Which letter is on the sign?", "E")
