"""Which turn of a conversation is spoken."""

import re
from collections.abc import Sequence
from itertools import pairwise

from omniforge.schemas.record import Message
from omniforge.synth.unspeakable import Unspeakable

_IMAGE, _AUDIO = "<|image|>", "<|audio|>"
_DRAW = re.compile(
    r"(?i)^\s*(?:please\s+)?(?:generate|create|draw|produce|make|paint)\s+(?:me\s+)?an?\s+(?:image|picture)\b"
    r"[^\n.:]*\b(?:description|prompt|text|caption|following)\b[^\n.:]*[.:]?\s*"
)


def asked_about_picture(messages: Sequence[Message]) -> tuple[str, str] | Unspeakable:
    """Question and answer of the first user turn that holds a picture; what was said later is left out.

    An earlier turn without a picture is left out as well: the question has to stand alone beside its picture.
    """
    for place, message in enumerate(messages):
        if message.role != "user" or _IMAGE not in message.content:
            continue
        if message.content.count(_IMAGE) > 1:
            return Unspeakable("no_task", "the turn holds several pictures")
        reply = messages[place + 1] if place + 1 < len(messages) else None
        if reply is None or reply.role != "assistant":
            return Unspeakable("missing_answer", "no assistant turn follows the turn with the picture")
        if _AUDIO in message.content or _AUDIO in reply.content or _IMAGE in reply.content:
            return Unspeakable("no_task", "the turns are spoken already or answer with a picture")
        return message.content.replace(_IMAGE, " ").strip(), reply.content.strip()
    return Unspeakable("no_task", "no user turn holds a picture")


def asked_for_picture(messages: Sequence[Message]) -> str | Unspeakable:
    """Description in the first user turn that is answered with a picture, without a sentence that only asks for one."""
    for message, reply in pairwise(messages):
        if message.role == "user" and reply.role == "assistant" and _IMAGE in reply.content:
            if _AUDIO in message.content or _IMAGE in message.content:
                return Unspeakable("no_task", "the turn that asks for a picture holds sound or a picture itself")
            return _DRAW.sub("", message.content).strip() or message.content.strip()
    return Unspeakable("no_task", "no turn is answered with a picture")
