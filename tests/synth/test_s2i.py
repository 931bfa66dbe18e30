import numpy as np
import pytest

from omniforge.schemas.record import MediaFile, Message, Record, Refusal, record_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.s2i import assemble, plan_utterances
from omniforge.synth.utterance import Spoken

CONFIG = SynthConfig()
IMAGE = MediaFile(role="image", format="png", data=b"png", width=64, height=64)
URI = "wds/00000.tar#0001"


def caption(**fields: object) -> Record:
    defaults: dict = {
        "key": record_key("wds", URI),
        "corpus": "wds",
        "source_uri": URI,
        "kind": "caption",
        "text": "A red bus.",
        "media": (IMAGE,),
    }
    return Record(**(defaults | fields))


def test_a_caption_is_spoken_and_its_picture_is_the_target() -> None:
    parent = caption()
    utterances = plan_utterances(parent, CONFIG)
    assert not isinstance(utterances, Refusal)
    (speech,) = utterances
    assert (speech.role, speech.text, speech.task) == ("speech", "A red bus.", "s2i")
    spoken = Spoken(
        role="speech",
        text=speech.text,
        samples=np.zeros(8000, np.float32),
        voice=speech.voice,
        engine="hibari",
        wer=0.0,
        heard="A red bus.",
        words_per_second=2.0,
        silence=0.1,
    )
    record = assemble(parent, {"speech": spoken}, IMAGE)
    assert (record.key, record.kind, record.text) == (record_key("wds", URI, "s2i"), "s2i", "A red bus.")
    assert [medium.role for medium in record.media] == ["image", "speech"]
    assert record.parents == (parent.key,)
    assert (record.measures["voice"], record.speaker) == (speech.voice.name, speech.voice.name)


def test_a_conversation_that_asks_for_a_picture_is_spoken() -> None:
    messages = (Message("user", "A red bus."), Message("assistant", "<|image|>"))
    utterances = plan_utterances(caption(kind="chat", text=None, messages=messages), CONFIG)
    assert not isinstance(utterances, Refusal)
    assert utterances[0].text == "A red bus."


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "prompt", "media": ()}, "missing_image"),
        ({"kind": "asr"}, "no_task"),
        ({"text": "你好"}, "language"),
        ({"text": ""}, "empty_prompt"),
        ({"text": "word " * 500}, "too_long"),
    ],
)
def test_what_is_not_spoken_is_refused_with_its_reason(fields: dict, reason: str) -> None:
    refused = plan_utterances(caption(**fields), CONFIG)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.task) == (reason, "s2i")
