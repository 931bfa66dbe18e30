"""Turns of a conversation as community files write them, brought to one form."""

from dataclasses import dataclass
from typing import Literal

from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.strict_json import require_unicode
from omniforge.schemas.record import Message

IMAGE_TAG = "<|image|>"
AUDIO_TAG = "<|audio|>"

Role = Literal["system", "user", "assistant"]
ROLES: dict[str, Role] = {
    "system": "system",
    "user": "user",
    "assistant": "assistant",
    "human": "user",
    "gpt": "assistant",
}


@dataclass(frozen=True, slots=True)
class Schema:
    """How a format writes a turn: the keys of role and content, and the roles it names."""

    role: str
    content: str
    roles: tuple[str, ...]


SFT = Schema("role", "content", ("system", "user", "assistant"))
LLAVA = Schema("from", "value", ("system", "human", "gpt"))
SCHEMAS = (SFT, LLAVA)


def parse_turns(value: object, schema: Schema) -> tuple[tuple[Message, ...], tuple[str, ...]]:
    """Read the turns of one conversation.

    Returns:
        The messages and the repairs made: `mapped_schema` (the other format's keys), `mapped_roles` (the other format's role
        names), `coerced_answer` (a number where the answer's text belongs), `joined_turns` (adjacent turns of one role).

    Raises:
        Refused: `wrong_type`, `empty_messages`, `missing_field`, `unknown_role`, `missing_answer`, `invalid_unicode` or
            `no_assistant_turn`.
    """
    if not isinstance(value, list):
        raise Refused("wrong_type", f"the turns are a {type(value).__name__}, not a list")
    if not value:
        raise Refused("empty_messages")
    repairs: list[str] = []
    joined: list[Message] = []
    for turn in value:
        message = _turn(turn, schema, repairs)
        if joined and joined[-1].role == message.role:
            message = Message(message.role, f"{joined.pop().content}\n{message.content}")
            repairs.append("joined_turns")
        joined.append(message)
    roles = [message.role for message in joined]
    if "user" not in roles or "assistant" not in roles[roles.index("user") :]:
        raise Refused("no_assistant_turn", f"the turns are: {', '.join(roles)}")
    return tuple(joined), tuple(dict.fromkeys(repairs))


def _turn(turn: object, schema: Schema, repairs: list[str]) -> Message:
    if not isinstance(turn, dict):
        raise Refused("wrong_type", f"a turn is a {type(turn).__name__}, not an object")
    found = next((s for s in (schema, *SCHEMAS) if s.role in turn and s.content in turn), None)
    if found is None:
        raise Refused("missing_field", f"a turn has neither {SFT.role} and {SFT.content} nor {LLAVA.role} and {LLAVA.content}")
    if found != schema:
        repairs.append("mapped_schema")
    name, content = turn[found.role], turn[found.content]
    role = ROLES.get(name) if isinstance(name, str) else None
    if role is None:
        raise Refused("unknown_role", f"{name!r}")
    if name not in found.roles:
        repairs.append("mapped_roles")
    return Message(role, _content(role, content, repairs))


def _content(role: Role, content: object, repairs: list[str]) -> str:
    if content is None and role == "assistant":
        raise Refused("missing_answer", "the answer is null")
    if role == "assistant" and isinstance(content, int | float) and not isinstance(content, bool):
        repairs.append("coerced_answer")
        return str(content)
    if not isinstance(content, str):
        raise Refused("wrong_type", f"the content of a turn is a {type(content).__name__}, not a string")
    require_unicode(content)
    return content


def require_tags(messages: tuple[Message, ...], images: int, audios: int) -> None:
    """Raise `Refused` unless the tags in the text are as many as the media that were listed."""
    for tag, listed in ((IMAGE_TAG, images), (AUDIO_TAG, audios)):
        tags = sum(message.content.count(tag) for message in messages)
        if tags != listed:
            raise Refused("tag_count_mismatch", f"{tags} {tag} in the text, {listed} media listed")
