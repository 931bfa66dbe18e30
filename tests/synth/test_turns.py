import pytest

from omniforge.schemas.record import Message
from omniforge.synth.turns import asked_about_picture, asked_for_picture
from omniforge.synth.unspeakable import Unspeakable


def talk(*contents: str) -> tuple[Message, ...]:
    return tuple(Message(role=("user", "assistant")[place % 2], content=content) for place, content in enumerate(contents))


def test_the_first_turn_with_a_picture_is_spoken() -> None:
    messages = talk("Hello", "Hi", "<|image|>\nWhat is it?", "A bus.", "Which colour?", "Red.")
    assert asked_about_picture(messages) == ("What is it?", "A bus.")


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (talk("Hello", "Hi"), "no_task"),
        (talk("<|image|><|image|> Same?", "No."), "no_task"),
        (talk("<|image|> What?"), "missing_answer"),
        (talk("<|image|> What?\n<|audio|>", "A bus."), "no_task"),
        (talk("<|image|> Brighter", "<|image|>"), "no_task"),
        ((), "no_task"),
    ],
)
def test_a_conversation_without_such_a_turn_is_refused(messages: tuple[Message, ...], reason: str) -> None:
    refused = asked_about_picture(messages)
    assert isinstance(refused, Unspeakable)
    assert refused.reason == reason


@pytest.mark.parametrize(
    "content",
    [
        "A red bus.",
        "Generate an image based on the provided text description.\nA red bus.",
        "Please draw a picture from the following prompt: A red bus.",
    ],
)
def test_the_description_is_spoken_without_the_request(content: str) -> None:
    assert asked_for_picture(talk(content, "<|image|>")) == "A red bus."


@pytest.mark.parametrize(
    "messages", [talk("A red bus.", "Nice."), talk("<|audio|>", "<|image|>"), talk("<|image|> brighter", "<|image|>")]
)
def test_what_asks_for_no_picture_in_words_is_refused(messages: tuple[Message, ...]) -> None:
    assert isinstance(asked_for_picture(messages), Unspeakable)
