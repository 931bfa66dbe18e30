"""Which task samples a media record gives, and which of its media stand where in each."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from omniforge.schemas.record import Kind, MediaFile, Message, Record
from omniforge.tokenizers.chat import classify, messages_for
from omniforge.tokenizers.vocabulary import AUDIO_TAG, IMAGE_TAG

TASKS_OF_KIND: dict[Kind, tuple[str, ...]] = {
    "caption": ("t2i", "caption"),
    "prompt": ("t2i",),
    "vqa": ("vqa",),
    "asr": ("asr", "tts"),
    "tts": ("tts",),
    "svqa": ("svqa",),
    "s2i": ("s2i",),
}
"""Tasks of a record that has no conversation of its own (DESIGN section 4)."""


@dataclass(frozen=True, slots=True)
class Placed:
    """A medium of a record at a tag of a conversation; the role of the turn decides how it becomes tokens."""

    media: str
    turn: Literal["system", "user", "assistant"]


@dataclass(frozen=True, slots=True)
class SamplePlan:
    """A sample to be made: its conversation with tags, and what goes to the k-th picture tag and the k-th sound tag."""

    task: str
    messages: tuple[Message, ...]
    pictures: tuple[Placed, ...]
    sounds: tuple[Placed, ...]


def plan_samples(
    record: Record,
    media: Sequence[MediaFile] | None = None,
    tasks: Mapping[Kind, tuple[str, ...]] = MappingProxyType(TASKS_OF_KIND),
) -> tuple[SamplePlan, ...]:
    """Return the samples of a record, none where its media do not suffice for any task.

    A record that came as a conversation keeps its own wording and gives one sample; others give one for each of the `tasks` of
    their kind whose media they have. The wording of instructions is drawn by the record's key.
    """
    files = record.media if media is None else media
    pictures = [file.role for file in files if file.format != "flac"]
    sounds = [file.role for file in files if file.format == "flac"]
    if record.messages:
        return (_placed(classify(record.messages), record.messages, pictures, sounds),)
    return tuple(
        _placed(task, _messages(task, record), pictures, sounds)
        for task in tasks.get(record.kind, ())
        if _suffices(task, record, pictures, sounds)
    )


def _suffices(task: str, record: Record, pictures: Sequence[str], sounds: Sequence[str]) -> bool:
    needs_picture = task in ("t2i", "caption", "vqa", "svqa", "s2i")
    needs_sounds = {"asr": 1, "tts": 1, "svqa": 2, "s2i": 1}.get(task, 0)
    return len(pictures) >= needs_picture and len(sounds) >= needs_sounds


def _messages(task: str, record: Record) -> tuple[Message, ...]:
    return messages_for(task, text=record.text, question=record.question, answer=record.answer, seed_key=record.key)


def _placed(task: str, messages: tuple[Message, ...], pictures: Sequence[str], sounds: Sequence[str]) -> SamplePlan:
    def at(tag: str, roles: Sequence[str]) -> tuple[Placed, ...]:
        turns = [message.role for message in messages for _ in range(message.content.count(tag))]
        return tuple(Placed(role, turn) for role, turn in zip(roles[: len(turns)], turns, strict=True))

    return SamplePlan(task, messages, at(IMAGE_TAG, pictures), at(AUDIO_TAG, sounds))
