import pytest

from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.shapes import shape
from omniforge.schemas.record import Message


def talk(*contents, system=None):
    roles = ("user", "assistant") * len(contents)
    first = () if system is None else (Message("system", system),)
    return (*first, *(Message(role, content) for role, content in zip(roles, contents, strict=False)))


@pytest.mark.parametrize(
    ("messages", "kind", "fields"),
    [
        (talk("Describe the picture.\n<|image|>", "A cat. "), "caption", ("A cat.", None, None)),
        (talk("<|image|>\nWhat do you see?", "A cat."), "caption", ("A cat.", None, None)),
        (talk("<|image|>", "A cat."), "caption", ("A cat.", None, None)),
        (
            talk("Generate an image based on the provided text description.\nA cat.", "<|image|>"),
            "caption",
            ("A cat.", None, None),
        ),
        (talk("A cat on a mat, oil on canvas", "<|image|>"), "caption", ("A cat on a mat, oil on canvas", None, None)),
        (talk("Is it a cat?\n<|image|>", "Yes."), "vqa", (None, "Is it a cat?", "Yes.")),
        (talk("Convert the speech to text.\n<|audio|>", "one two"), "asr", ("one two", None, None)),
        (talk("<|audio|>", "one two", system="Convert the speech to text."), "asr", ("one two", None, None)),
        (talk("Convert the text to speech.\nseven", "<|audio|>"), "tts", ("seven", None, None)),
        (talk("<|audio|>\n<|image|>", "It is red."), "svqa", (None, None, "It is red.")),
        (talk("<|audio|>\n<|image|>", "It is red.\n<|audio|>"), "svqa", (None, None, "It is red.")),
        (
            talk("<|audio|>", "<|image|>", system="Please generate an image based on the input audio."),
            "s2i",
            (None, None, None),
        ),
        (talk("<|audio|>", "I am fine."), "chat", (None, None, None)),
        (talk("How are you?", "<|audio|>"), "chat", (None, None, None)),
        (talk("Hello.", "Hi."), "chat", (None, None, None)),
        (talk("<|image|>\nWhat is it?", "A cat.", "What colour?", "Black."), "chat", (None, None, None)),
        (talk("<|image|><|image|>\nCompare.", "Alike."), "chat", (None, None, None)),
    ],
)
def test_the_kind_is_told_from_where_the_media_stand(messages, kind, fields):
    found = shape(messages)
    assert (found.kind, (found.text, found.question, found.answer)) == (kind, fields)


def test_the_user_s_sound_is_the_question_and_the_assistant_s_the_answer():
    assert shape(talk("<|audio|>\n<|image|>", "Red.\n<|audio|>")).audios == ("question", "answer")


def test_media_of_a_chat_are_numbered_in_order():
    found = shape(talk("<|image|><|audio|>", "<|image|>", "<|audio|>", "ok"))
    assert (found.images, found.audios) == (("image", "image2"), ("speech", "speech2"))


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        (talk("Describe the picture.\n<|image|>", ""), "empty_caption"),
        (talk("Generate an image based on the provided text description.\n", "<|image|>"), "empty_caption"),
        (talk("What is it?\n<|image|>", " "), "missing_answer"),
        (talk("Convert the speech to text.\n<|audio|>", ""), "empty_transcript"),
        (talk("Convert the text to speech.", "<|audio|>"), "empty_transcript"),
        (talk("<|audio|><|image|>", ""), "missing_answer"),
        (talk("Hello.", "\n"), "missing_answer"),
        (talk(" ", "Hello."), "empty_question"),
    ],
)
def test_an_empty_field_is_refused_for_what_it_is(messages, reason):
    with pytest.raises(Refused) as refused:
        shape(messages)
    assert refused.value.reason == reason
