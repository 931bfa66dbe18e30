import numpy as np
import pytest

from omniforge.schemas.record import MediaFile, Record, Refusal, record_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.spoken_sentence import assemble, plan_utterances
from omniforge.synth.utterance import Spoken

CONFIG = SynthConfig()
URI = "texts/a.txt#line 3"


def sentence(**fields: object) -> Record:
    defaults: dict = {
        "key": record_key("texts", URI),
        "corpus": "texts",
        "source_uri": URI,
        "kind": "prompt",
        "text": "The tide turns at nine.",
    }
    return Record(**(defaults | fields))


def test_a_sentence_becomes_a_pair_of_text_and_speech() -> None:
    parent = sentence()
    utterances = plan_utterances(parent, CONFIG)
    assert not isinstance(utterances, Refusal)
    (speech,) = utterances
    spoken = Spoken(
        role="speech",
        text=speech.text,
        samples=np.zeros(8000, np.float32),
        voice=speech.voice,
        engine="hibari",
        wer=None,
        heard=None,
        words_per_second=2.0,
        silence=0.1,
    )
    record = assemble(parent, {"speech": spoken})
    assert (record.key, record.kind, record.text) == (record_key("texts", URI, "spoken"), "asr", "The tide turns at nine.")
    assert [medium.role for medium in record.media] == ["speech"]
    assert record.parents == (parent.key,)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "asr", "media": (MediaFile(role="speech", format="flac", data=b""),)}, "no_task"),
        ({"text": None}, "no_task"),
        ({"text": "..."}, "not_speakable"),
        ({"text": "word " * 200}, "too_long"),
        ({"language": "fr"}, "language"),
    ],
)
def test_what_is_not_spoken_is_refused_with_its_reason(fields: dict, reason: str) -> None:
    refused = plan_utterances(sentence(**fields), CONFIG)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.task) == (reason, "spoken")
