"""Speech to image: a caption or prompt is spoken; its picture is the target."""

from collections.abc import Mapping
from dataclasses import replace

from omniforge.schemas.record import MediaFile, Record, Refusal, record_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.roles import Role
from omniforge.synth.speakable import speakable
from omniforge.synth.turns import asked_for_picture
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


def plan_utterances(record: Record, config: SynthConfig) -> tuple[Utterance, ...] | Refusal:
    """Decide what is said for a caption, a prompt with a picture or a conversation that asks for one.

    Only the texts and the roles of the media are looked at. The result depends on the record and the config alone.
    """
    text = refuse_language(record) or _description(record)
    said = text if isinstance(text, Unspeakable) else speakable(text, role="prompt", config=config.speakable)
    if isinstance(said, Unspeakable):
        return refuse(record, "s2i", said)
    return plan(record, {"speech": said}, "s2i", config)


def assemble(record: Record, spoken: Mapping[Role, Spoken], image: MediaFile) -> Record:
    """Make the s2i record: the parent's picture unchanged, `speech`, and the text that is said in it."""
    speech = spoken["speech"]
    return Record(
        key=record_key(record.corpus, record.source_uri, "s2i"),
        corpus=record.corpus,
        source_uri=record.source_uri,
        kind="s2i",
        text=speech.text,
        media=(replace(image, role="image"), sound(speech, "speech")),
        language="en",
        speaker=speech.voice.name,
        license=record.license,
        split=record.split,
        revision=record.revision,
        parents=(record.key,),
        repairs=(*record.repairs, "spoken_form") if speech.text != record.text else record.repairs,
        measures=measures(speech),
    )


def _description(record: Record) -> str | Unspeakable:
    if isinstance(found := picture(record), Unspeakable):
        return found
    if record.messages and record.kind in ("prompt", "chat"):
        return asked_for_picture(record.messages)
    if record.kind in ("caption", "prompt") and record.text is not None:
        return record.text
    return Unspeakable("no_task", f"a record of kind {record.kind} describes no picture")
