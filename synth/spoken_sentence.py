"""Spoken sentences: any written sentence becomes a pair of text and speech, for recognition and for reading aloud."""

from collections.abc import Mapping
from typing import Literal

from omniforge.schemas.record import Record, Refusal, record_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.roles import Role
from omniforge.synth.speakable import speakable
from omniforge.synth.unspeakable import Unspeakable
from omniforge.synth.utterance import Spoken, Utterance, measures, plan, refuse, refuse_language, sound

SentenceTask = Literal["spoken", "recited"]
"""Sentences to be written down and to be said; or to be said alone, by the voices that a learner is to copy."""


def plan_utterances(record: Record, config: SynthConfig, task: SentenceTask = "spoken") -> tuple[Utterance, ...] | Refusal:
    """Decide what is said for a record with a text and no speech of its own.

    The result depends on the record, the config and the task alone.
    """
    text = refuse_language(record) or _sentence(record)
    said = text if isinstance(text, Unspeakable) else speakable(text, role="sentence", config=config.speakable)
    if isinstance(said, Unspeakable):
        return refuse(record, task, said)
    return plan(record, {"speech": said}, task, config)


def assemble(record: Record, spoken: Mapping[Role, Spoken], task: SentenceTask = "spoken") -> Record:
    """Make a record of the text that is said and its speech; a picture of the parent is not taken along.

    Of kind `asr`, which can be written down and said; what is recited is of kind `tts`, only to be said.
    """
    speech = spoken["speech"]
    return Record(
        key=record_key(record.corpus, record.source_uri, task),
        corpus=record.corpus,
        source_uri=record.source_uri,
        kind="asr" if task == "spoken" else "tts",
        text=speech.text,
        media=(sound(speech, "speech"),),
        language="en",
        speaker=speech.voice.name,
        license=record.license,
        split=record.split,
        revision=record.revision,
        parents=(record.key,),
        repairs=(*record.repairs, "spoken_form") if speech.text != record.text else record.repairs,
        measures=measures(speech),
    )


def _sentence(record: Record) -> str | Unspeakable:
    if any(medium.role.startswith("speech") for medium in record.media):
        return Unspeakable("no_task", "the record has speech of its own")
    if record.text is None:
        return Unspeakable("no_task", f"a record of kind {record.kind} without a text")
    return record.text
