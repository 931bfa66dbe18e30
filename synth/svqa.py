"""Spoken visual question answering: a question about a picture is spoken; the answer stays text and is spoken too."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal

from omniforge.schemas.record import MediaFile, Record, Refusal, record_key
from omniforge.synth.choices import open_question
from omniforge.synth.config import SynthConfig
from omniforge.synth.roles import Role
from omniforge.synth.speakable import speakable
from omniforge.synth.turns import asked_about_picture
from omniforge.synth.unspeakable import Unspeakable
from omniforge.synth.utterance import (
    Spoken,
    Utterance,
    measures,
    picture,
    plan,
    refuse,
    refuse_language,
    sound,
)

_ROLES: tuple[Literal["question", "answer"], ...] = ("question", "answer")


def plan_utterances(record: Record, config: SynthConfig) -> tuple[Utterance, ...] | Refusal:
    """Decide what is said for a VQA record or a conversation about a picture: a question and an answer, by two voices.

    Only the texts and the roles of the media are looked at. The result depends on the record and the config alone.
    """
    why = refuse_language(record)
    pair = why or _pair(record)
    if isinstance(pair, Unspeakable):
        return refuse(record, "svqa", pair)
    texts: dict[Role, str] = {}
    for role, text in zip(_ROLES, pair, strict=True):
        said = speakable(text, role=role, config=config.speakable)
        if isinstance(said, Unspeakable):
            return refuse(record, "svqa", Unspeakable(said.reason, f"{role}: {said.detail}"))
        texts[role] = said
    return plan(record, texts, "svqa", config)


def assemble(record: Record, spoken: Mapping[Role, Spoken], image: MediaFile) -> Record:
    """Make the svqa record: the parent's picture unchanged, `question` and `answer` as sound and as the text that is said."""
    question, answer = spoken["question"], spoken["answer"]
    columns = measures(question) | measures(answer, "answer_")
    if "regions" in record.measures:
        columns["regions"] = record.measures["regions"]
    rewritten = (question.text, answer.text) != (record.question, record.answer)
    return Record(
        key=record_key(record.corpus, record.source_uri, "svqa"),
        corpus=record.corpus,
        source_uri=record.source_uri,
        kind="svqa",
        question=question.text,
        answer=answer.text,
        media=(replace(image, role="image"), sound(question, "question"), sound(answer, "answer")),
        language="en",
        speaker=question.voice.name,
        license=record.license,
        split=record.split,
        revision=record.revision,
        parents=(record.key,),
        repairs=(*record.repairs, "spoken_form") if rewritten else record.repairs,
        measures=columns,
    )


def _pair(record: Record) -> tuple[str, str] | Unspeakable:
    """The written question and answer, with multiple choice opened."""
    if isinstance(found := picture(record), Unspeakable):
        return found
    if record.kind == "vqa" and record.question is not None:
        pair: tuple[str, str] | Unspeakable = (record.question, record.answer or "")
    elif record.messages and record.kind in ("vqa", "chat", "caption"):
        pair = asked_about_picture(record.messages)
    else:
        pair = Unspeakable("no_task", f"a record of kind {record.kind} asks nothing about a picture")
    return pair if isinstance(pair, Unspeakable) else open_question(*pair)
