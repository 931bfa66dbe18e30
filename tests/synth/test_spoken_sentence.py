import numpy as np
import pytest

from omniforge.schemas.record import MediaFile, Record, Refusal, record_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.spoken_sentence import SentenceTask, assemble, plan_utterances
from omniforge.synth.utterance import Spoken
from omniforge.synth.voices import EMBEDDED_VOICES, Voice

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


@pytest.mark.parametrize(("task", "kind"), [("spoken", "asr"), ("recited", "tts")])
def test_a_sentence_becomes_a_pair_of_text_and_speech(task: SentenceTask, kind: str) -> None:
    parent = sentence()
    utterances = plan_utterances(parent, CONFIG, task)
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
    record = assemble(parent, {"speech": spoken}, task)
    assert (record.key, record.kind, record.text) == (record_key("texts", URI, task), kind, "The tide turns at nine.")
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
@pytest.mark.parametrize("task", ["spoken", "recited"])
def test_what_is_not_spoken_is_refused_with_its_reason(fields: dict, reason: str, task: SentenceTask) -> None:
    refused = plan_utterances(sentence(**fields), CONFIG, task)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.task) == (reason, task)


def test_what_is_recited_is_said_by_the_voice_that_is_there_for_it_alone() -> None:
    slow = Voice(name="slow", engine="phrases", speaker="heart", tasks=("recited",))
    config = SynthConfig(voices=(*EMBEDDED_VOICES, slow))
    recited, spoken = (plan_utterances(sentence(), config, task) for task in ("recited", "spoken"))
    assert not isinstance(recited, Refusal)
    assert not isinstance(spoken, Refusal)
    assert recited[0].voices == (slow,)
    assert slow not in spoken[0].voices
