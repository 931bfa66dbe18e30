import io

import numpy as np
import pytest
import soundfile

from omniforge.schemas.record import MediaFile, Message, Record, Refusal, record_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.svqa import assemble, plan_utterances
from omniforge.synth.utterance import Spoken, Utterance

CONFIG = SynthConfig()
IMAGE = MediaFile(role="image", format="jpg", data=b"\xff\xd8 bytes", width=64, height=48)
URI = "coco/questions.json#42"


def vqa(**fields: object) -> Record:
    defaults: dict = {
        "key": record_key("coco", URI),
        "corpus": "coco",
        "source_uri": URI,
        "kind": "vqa",
        "question": "What colour is the bus?",
        "answer": "Red.",
        "media": (IMAGE,),
        "license": "CC-BY-4.0",
        "split": "val",
        "revision": "r1",
        "repairs": ("majority_answer",),
    }
    return Record(**(defaults | fields))


def planned(record: Record) -> tuple[Utterance, ...]:
    utterances = plan_utterances(record, CONFIG)
    assert not isinstance(utterances, Refusal), utterances
    return utterances


def say(utterance: Utterance, wer: float | None = 0.0) -> Spoken:
    return Spoken(
        role=utterance.role,
        text=utterance.text,
        samples=np.linspace(-0.5, 0.5, 16000, dtype=np.float32),
        voice=utterance.voice,
        engine="hibari",
        wer=wer,
        heard=None if wer is None else utterance.text,
        words_per_second=2.5,
        silence=0.3,
    )


def test_question_and_answer_are_planned_for_different_voices() -> None:
    question, answer = planned(vqa())
    assert (question.role, question.text, answer.role, answer.text) == ("question", "What colour is the bus?", "answer", "Red.")
    assert {voice.name for voice in question.voices}.isdisjoint(voice.name for voice in answer.voices)
    assert len(question.voices) == CONFIG.retries + 1


def test_the_plan_depends_on_the_record_alone() -> None:
    assert planned(vqa()) == planned(vqa())
    assert planned(vqa()) != planned(vqa(key="another"))


def test_multiple_choice_is_asked_openly() -> None:
    question, answer = planned(vqa(question="Which animal?\nA. a dog\nB. a cat", answer="B"))
    assert (question.text, answer.text) == ("Which animal?", "a cat")


def test_of_a_conversation_the_turn_with_the_picture_is_spoken() -> None:
    messages = (
        Message("user", "<|image|>\nWhat is it?"),
        Message("assistant", "A bus."),
        Message("user", "Sure?"),
        Message("assistant", "Yes."),
    )
    question, answer = planned(vqa(kind="chat", question=None, answer=None, messages=messages))
    assert (question.text, answer.text) == ("What is it?", "A bus.")


@pytest.mark.parametrize(
    ("fields", "reason", "detail"),
    [
        ({"media": ()}, "missing_image", "no picture"),
        ({"media": (IMAGE, MediaFile(role="image2", format="png", data=b""))}, "no_task", "2 pictures"),
        ({"kind": "asr", "question": None}, "no_task", "asks nothing"),
        ({"language": "de"}, "language", "'de'"),
        ({"question": "Solve for x."}, "mathematics", "question: "),
        ({"answer": "```print(1)```"}, "programming", "answer: "),
        ({"answer": "word " * 101}, "answer_too_long", "101 words"),
        ({"answer": None}, "missing_answer", "answer"),
        ({"question": "A. 3\nB. 2", "answer": "B"}, "empty_question", "options"),
    ],
)
def test_what_is_not_spoken_is_refused_with_its_reason(fields: dict, reason: str, detail: str) -> None:
    refused = plan_utterances(vqa(**fields), CONFIG)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.task, refused.source_uri, refused.key) == (reason, "svqa", URI, record_key("coco", URI))
    assert detail in refused.detail


@pytest.mark.parametrize("language", [None, "en", "en-GB", "EN_us", "English"])
def test_english_and_unknown_languages_are_spoken(language: str | None) -> None:
    planned(vqa(language=language))


def test_the_assembled_record_says_where_it_comes_from_and_how_it_sounds() -> None:
    parent = vqa()
    spoken = {utterance.role: say(utterance) for utterance in planned(parent)}
    record = assemble(parent, spoken, IMAGE)
    assert record.key == record_key("coco", URI, "svqa")
    assert (record.kind, record.corpus, record.source_uri, record.parents) == ("svqa", "coco", URI, (parent.key,))
    assert (record.license, record.split, record.revision, record.language) == ("CC-BY-4.0", "val", "r1", "en")
    assert (record.question, record.answer, record.repairs, record.messages) == (
        "What colour is the bus?",
        "Red.",
        ("majority_answer",),
        (),
    )
    assert [medium.role for medium in record.media] == ["image", "question", "answer"]
    assert record.media[0] == IMAGE
    assert record.measures["voice"] != record.measures["answer_voice"]
    assert {"engine", "wer", "answer_wer", "seconds", "answer_seconds", "asr_text", "verified"} <= set(record.measures)


def test_the_sound_is_16_khz_mono_flac_of_the_same_samples() -> None:
    spoken = {utterance.role: say(utterance) for utterance in planned(vqa())}
    medium = assemble(vqa(), spoken, IMAGE).media[1]
    samples, rate = soundfile.read(io.BytesIO(medium.data), dtype="float32")
    assert (medium.format, medium.sample_rate, medium.channels, medium.seconds, rate) == ("flac", 16000, 1, 1.0, 16000)
    np.testing.assert_allclose(samples, spoken["question"].samples, atol=2**-15)


def test_what_nobody_listened_to_has_no_word_error_rate() -> None:
    spoken = {utterance.role: say(utterance, None) for utterance in planned(vqa())}
    columns = assemble(vqa(), spoken, IMAGE).measures
    assert (columns["verified"], columns["answer_verified"]) == (0.0, 0.0)
    assert not {"wer", "answer_wer", "asr_text"} & set(columns)


def test_a_rewritten_text_is_noted() -> None:
    parent = vqa(question="**What** is it? 🙂")
    record = assemble(parent, {utterance.role: say(utterance) for utterance in planned(parent)}, IMAGE)
    assert record.question == "What is it?"
    assert record.repairs == ("majority_answer", "spoken_form")
