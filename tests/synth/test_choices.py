import pytest

from omniforge.synth.choices import open_question
from omniforge.synth.unspeakable import Unspeakable

ANIMALS = "Which animal sits beside the person?\n(A) a dog\n(B) a bird\n(C) a cat\nAnswer with the option's letter."


@pytest.mark.parametrize(
    "answer",
    ["C", "c", "(C)", "C.", "C. a cat", "a cat", "A cat.", "The answer is C.", "Option C", "The correct answer (C)"],
)
def test_the_words_of_the_option_are_the_answer(answer: str) -> None:
    assert open_question(ANIMALS, answer) == ("Which animal sits beside the person?", "a cat")


@pytest.mark.parametrize(
    "question",
    [
        "Which colour?\nChoices:\nA. red\nB. blue\nAnswer with the option's letter from the given choices directly.",
        "Which colour? A. red B. blue",
        "Which colour? (A) red (B) blue",
        "Which colour?\nOptions: a) red b) blue",
        "Which colour?\nA: red\nB: blue\nPlease select the correct option.",
    ],
)
def test_options_are_found_in_the_usual_forms(question: str) -> None:
    assert open_question(question, "B") == ("Which colour?", "blue")


def test_a_question_that_refers_to_its_options_lists_them() -> None:
    question = "Which of the following is in the bowl?\nA. rice\nB. corn\nC. beans"
    assert open_question(question, "A") == ("Which of the following is in the bowl? Is it rice, corn or beans?", "rice")


@pytest.mark.parametrize("answer", ["E", "a horse", "", "C. a dog"])
def test_an_answer_that_is_no_option_is_refused(answer: str) -> None:
    refused = open_question(ANIMALS, answer)
    assert isinstance(refused, Unspeakable)
    assert refused.reason == "answer_not_in_choices"


def test_options_without_a_question_are_refused() -> None:
    refused = open_question("A. 3\nB. 2", "B")
    assert isinstance(refused, Unspeakable)
    assert refused.reason == "empty_question"


def test_an_answer_about_the_options_is_refused() -> None:
    refused = open_question("What is it?\nA. a cat\nB. a dog\nC. All of the above", "C")
    assert isinstance(refused, Unspeakable)
    assert refused.reason == "not_speakable"


@pytest.mark.parametrize(
    "question",
    [
        "Is this a dog?",
        "Who is J. K. Rowling?",
        "What is at 3 A.M.?",
        "Which is it, A or B?",
        "Is vitamin A. good?",
        "Dr. A. Smith and B. Jones?",
    ],
)
def test_a_question_without_options_stays_as_it_is(question: str) -> None:
    assert open_question(question, "yes") == (question, "yes")


@pytest.mark.parametrize(
    "instruction",
    [
        "Answer with a single number.",
        "Answer the question using a single word or phrase.",
        "Please answer directly with only the letter of the correct option.",
    ],
)
def test_an_instruction_on_the_form_of_the_answer_is_not_spoken(instruction: str) -> None:
    assert open_question(f"How many dogs are there?\n{instruction}", "3") == ("How many dogs are there?", "3")
