"""What kind of record a conversation is, told from where its media stand."""

from dataclasses import dataclass

from omniforge.pipeline.sources.instruction_wording import is_instruction, split_instruction
from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.turns import AUDIO_TAG, IMAGE_TAG
from omniforge.schemas.record import Kind, Message


@dataclass(frozen=True, slots=True)
class Shape:
    """The kind of a conversation, its fields where the kind has some, and the roles of its media in tag order."""

    kind: Kind
    text: str | None = None
    question: str | None = None
    answer: str | None = None
    images: tuple[str, ...] = ()
    audios: tuple[str, ...] = ()


def shape(messages: tuple[Message, ...]) -> Shape:
    """Tell a conversation's kind.

    A picture and an instruction answered by text is `caption`, and so is a text answered by a picture; a picture and a question
    `vqa`; a sound answered by its words `asr`; a text, after an instruction to read it, answered by sound `tts`; a sound and a
    picture answered by text, spoken or not, `svqa`; a sound answered by a picture `s2i`; all else `chat`.

    Raises:
        Refused: A field of the kind is empty.
    """
    turns = [message for message in messages if message.role != "system"]
    system = " ".join(message.content for message in messages if message.role == "system")
    pictures = sum(message.content.count(IMAGE_TAG) for message in messages)
    sounds = sum(message.content.count(AUDIO_TAG) for message in messages)
    found: Shape | None = None
    if [turn.role for turn in turns] == ["user", "assistant"] and IMAGE_TAG not in system and AUDIO_TAG not in system:
        found = _one_exchange(turns[0].content, turns[1].content, system.strip())
    if found is not None:
        return found
    _require_content(messages)
    return Shape("chat", images=_numbered("image", pictures), audios=_numbered("speech", sounds))


def _one_exchange(user: str, assistant: str, system: str) -> Shape | None:
    """Tell the kind of one question and answer; None for what only `chat` can hold."""
    asked, said = _words(user), _words(assistant)
    match (user.count(IMAGE_TAG), user.count(AUDIO_TAG), assistant.count(IMAGE_TAG), assistant.count(AUDIO_TAG)):
        case (1, 0, 0, 0):
            if not asked or is_instruction("caption", asked):
                return Shape("caption", text=_present(said, "empty_caption"), images=("image",))
            return Shape("vqa", question=asked, answer=_present(said, "missing_answer"), images=("image",))
        case (0, 0, 1, 0) if not said:
            text = _present(split_instruction("t2i", asked)[1], "empty_caption")
            return Shape("caption", text=text, images=("image",))
        case (0, 1, 0, 0) if is_instruction("asr", asked or system):
            return Shape("asr", text=_present(said, "empty_transcript"), audios=("speech",))
        case (0, 0, 0, 1) if not said:
            instruction, text = split_instruction("tts", asked)
            if instruction or is_instruction("tts", system):
                return Shape("tts", text=_present(text, "empty_transcript"), audios=("speech",))
        case (1, 1, 0, 0) if not asked or is_instruction("svqa", asked):
            return Shape("svqa", answer=_present(said, "missing_answer"), images=("image",), audios=("question",))
        case (1, 1, 0, 1) if said and (not asked or is_instruction("svqa", asked)):
            return Shape("svqa", answer=said, images=("image",), audios=("question", "answer"))
        case (0, 1, 1, 0) if not said and (not asked or is_instruction("s2i", asked)):
            return Shape("s2i", images=("image",), audios=("speech",))
        case _:
            pass
    return None


def _words(content: str) -> str:
    """Return a turn's content without its media tags and the white space round them."""
    parts = content.replace(AUDIO_TAG, IMAGE_TAG).split(IMAGE_TAG)
    return "\n".join(part.strip() for part in parts if part.strip())


def _present(text: str, reason: str) -> str:
    if not text:
        raise Refused(reason)
    return text


def _require_content(messages: tuple[Message, ...]) -> None:
    for message in messages:
        if message.role != "system" and not message.content.strip():
            raise Refused(
                "missing_answer" if message.role == "assistant" else "empty_question", f"an empty {message.role} turn"
            )


def _numbered(role: str, count: int) -> tuple[str, ...]:
    return tuple(role if number == 1 else f"{role}{number}" for number in range(1, count + 1))
