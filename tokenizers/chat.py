"""Conversations as sequences: ChatML with pictures and speech in place of their tags."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Literal, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from omniforge.schemas.record import Message
from omniforge.tokenizers.instructions import INSTRUCTIONS, asks_for_description, asks_for_transcript
from omniforge.tokenizers.vocabulary import AUDIO_TAG, IMAGE_TAG, Vocabulary, control_tokens

Modality = Literal["text", "image", "speech"]
Role = Literal["system", "user", "assistant"]
_ROLES: tuple[Role, ...] = ("system", "user", "assistant")
_TAGS = re.compile(f"({re.escape(IMAGE_TAG)}|{re.escape(AUDIO_TAG)})")


class TextEncoder(Protocol):
    """What `lay_out` needs of a `TextTokenizer`."""

    @property
    def size(self) -> int:
        """Ids are below this."""

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, never one of a control token."""


@dataclass(frozen=True, slots=True, eq=False)
class SpeechCodes:
    """A sound as discrete codes, shape [n], 12.5 a second."""

    codes: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class SpeechFeatures:
    """A sound that the speech encoder embeds: `positions` vectors, LFR frames and four queries (SPEC.md section 7)."""

    positions: int


@dataclass(frozen=True, slots=True)
class Span:
    """Ids `start..stop-1` of one medium or one piece of text, in a turn of `role`.

    ChatML, begin and end tokens lie outside of every span: the ids of a picture or sound span are exactly its codes. `media`
    is the index of the picture or sound among those of the sample, None for text. `continuous` marks sounds whose embeddings
    the speech encoder gives.
    """

    modality: Modality
    role: Role
    start: int
    stop: int
    media: int | None = None
    continuous: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """A conversation laid out. `ids` is uint32 [L]; `loss_spans` are the (start, stop) that training supervises."""

    ids: NDArray[np.uint32]
    spans: tuple[Span, ...]
    loss_spans: tuple[tuple[int, int], ...]

    @property
    def continuous(self) -> NDArray[np.int64]:
        """Positions, ascending, that take vectors of the speech encoder instead of an embedding; int64."""
        ranges = (range(span.start, span.stop) for span in self.spans if span.continuous)
        return np.fromiter(chain.from_iterable(ranges), dtype=np.int64)


def lay_out(
    messages: Sequence[Message],
    images: Sequence[ArrayLike],
    speeches: Sequence[SpeechCodes | SpeechFeatures],
    text: TextEncoder,
    vocabulary: Vocabulary,
    *,
    open_answer: bool = False,
) -> Sample:
    """Lay a conversation out as ids (SPEC.md sections 1, 3 and 9; Omni-Diffusion data/dataset_qwen2.py).

    Each turn is `<|im_start|>role`, newline, content, `<|im_end|>`, newline. The k-th `<|image|>` takes `images[k]`, the k-th
    `<|audio|>` takes `speeches[k]`, counted over all turns. Pieces between tags are encoded each on its own, so merges cross
    neither a tag nor the border of a content. Supervised are the contents of assistant turns with their `<|im_end|>` and
    newline; the tail of pads is drawn in training.

    Where the reference has a trap (SPEC.md section 11), this is what happens here:
    - no newline before the tag in spoken requests, in training and in use alike, because the model is trained without one;
    - the caller chooses the resolution of a picture by its role; `human` is an alias of `user` that importers resolve, so
      such pictures get the user's resolution;
    - nothing is cut: a sample that is too long is dropped by the caller, whole;
    - media that no tag takes are an error rather than dropped, and so are tags without a medium;
    - no default system prompt, no beginning-of-sequence token.

    Args:
        messages: The turns; media by tag.
        images: Picture codes in raster order, any shape, one array a tag.
        speeches: One a tag; continuous features only outside of assistant turns.
        text: Encodes the text; its ids have to fit the vocabulary.
        vocabulary: The id space.
        open_answer: End with the opening of an assistant turn, for a model to go on.

    Raises:
        ValueError: Control tokens in the text, tags and media that do not match, codes out of range, features in an assistant
            turn, an unknown role, or a text tokenizer larger than the vocabulary's text.
    """
    if text.size > vocabulary.layout.text_size:
        raise ValueError(
            f"the text tokenizer has {text.size} ids, the vocabulary {vocabulary.layout.text_size}; "
            "build the vocabulary from this tokenizer's size."
        )
    _check_tags(messages, len(images), len(speeches))
    writer = _Writer(text, vocabulary)
    image_index, speech_index = iter(range(len(images))), iter(range(len(speeches)))
    loss_spans = []
    for message in messages:
        writer.open_turn(message.role)
        start = writer.length
        for piece in _pieces(message.content):
            if piece == IMAGE_TAG:
                index = next(image_index)
                writer.write_image(message.role, index, images[index])
            elif piece == AUDIO_TAG:
                index = next(speech_index)
                writer.write_speech(message.role, index, speeches[index])
            else:
                writer.write_text(message.role, piece)
        writer.close_turn()
        if message.role == "assistant":
            loss_spans.append((start, writer.length))
    if open_answer:
        writer.open_turn("assistant")
    return Sample(ids=np.concatenate(writer.ids), spans=tuple(writer.spans), loss_spans=tuple(loss_spans))


def _pieces(content: str) -> Iterator[str]:
    """Split a content at its media tags; the tags are pieces, empty texts are not."""
    return (piece for piece in _TAGS.split(content) if piece)


def text_pieces(messages: Sequence[Message]) -> list[str]:
    """Return the texts of the text spans of a sample that `lay_out` makes of these messages, in their order."""
    return [piece for message in messages for piece in _pieces(message.content) if piece not in (IMAGE_TAG, AUDIO_TAG)]


def _check_tags(messages: Sequence[Message], images: int, speeches: int) -> None:
    for number, message in enumerate(messages):
        if message.role not in _ROLES:
            raise ValueError(f"turn {number}: role {message.role!r} is none of {', '.join(_ROLES)}.")
        strangers = sorted(set(control_tokens(message.content)) - {IMAGE_TAG, AUDIO_TAG})
        if strangers:
            raise ValueError(
                f"turn {number} ({message.role}): the text holds control tokens {', '.join(strangers)}; refuse the record or "
                "take them out."
            )
    for tag, given in ((IMAGE_TAG, images), (AUDIO_TAG, speeches)):
        tags = sum(message.content.count(tag) for message in messages)
        if tags != given:
            raise ValueError(f"{tags} {tag} tags for {given} media; each tag takes one medium and each medium needs a tag.")


class _Writer:
    """Ids written so far, and the spans in them."""

    def __init__(self, text: TextEncoder, vocabulary: Vocabulary) -> None:
        self.text = text
        self.vocabulary = vocabulary
        self.newline = text.encode("\n")
        self.ids: list[NDArray[np.uint32]] = [np.zeros(0, np.uint32)]
        self.spans: list[Span] = []
        self.length = 0

    def open_turn(self, role: Role) -> None:
        self._append([self.vocabulary.im_start, *self.text.encode(role), *self.newline])

    def close_turn(self) -> None:
        self._append([self.vocabulary.im_end, *self.newline])

    def write_text(self, role: Role, piece: str) -> None:
        self._append_span("text", role, self.text.encode(piece))

    def write_image(self, role: Role, index: int, codes: ArrayLike) -> None:
        ids = self.vocabulary.image_ids(codes).reshape(-1)
        if not ids.size:
            raise ValueError(f"image {index} has no codes; refuse the record.")
        self._append([self.vocabulary.begin_of_image])
        self._append_span("image", role, ids, media=index)
        self._append([self.vocabulary.end_of_image])

    def write_speech(self, role: Role, index: int, speech: SpeechCodes | SpeechFeatures) -> None:
        continuous = isinstance(speech, SpeechFeatures)
        if isinstance(speech, SpeechFeatures):
            if role == "assistant":
                raise ValueError(f"speech {index} stands in an assistant turn as features; a model can only say codes.")
            ids = np.full(speech.positions, self.vocabulary.context_of_audio, np.uint32)
        else:
            ids = self.vocabulary.speech_ids(speech.codes).reshape(-1)
        if not ids.size:
            raise ValueError(f"speech {index} has no codes or frames; refuse the record.")
        self._append([self.vocabulary.begin_of_audio])
        self._append_span("speech", role, ids, media=index, continuous=continuous)
        self._append([self.vocabulary.end_of_audio])

    def _append_span(
        self, modality: Modality, role: Role, ids: ArrayLike, *, media: int | None = None, continuous: bool = False
    ) -> None:
        start = self.length
        self._append(ids)
        self.spans.append(Span(modality, role, start, self.length, media, continuous))

    def _append(self, ids: ArrayLike) -> None:
        array = np.asarray(ids, np.uint32)
        self.ids.append(array)
        self.length += len(array)


@dataclass(frozen=True, slots=True)
class Task:
    """What a sample teaches, the training stages that use it, and its instructions, the reference's own first."""

    name: str
    stages: tuple[int, ...]
    instructions: tuple[str, ...]


_STAGES: Mapping[str, tuple[int, ...]] = {
    "t2i": (1, 2, 3),
    "caption": (1, 2),
    "vqa": (2, 3),
    "asr": (2, 3),
    "tts": (2, 3),
    "svqa": (3,),
    "s2i": (3,),
    "chat": (1, 2, 3),
}

TASKS: Mapping[str, Task] = {name: Task(name, stages, INSTRUCTIONS.get(name, ())) for name, stages in _STAGES.items()}
"""The tasks by name. Stage 1 takes chats in text alone; chats with speech begin in stage 2."""


def prompt_for(
    task: str, *, text: str | None = None, question: str | None = None, seed_key: str | None = None
) -> tuple[Message, ...]:
    """Return the turns a user gives in `task`, media by tag (vocabulary.json, `tasks`).

    Args:
        task: One of `TASKS`.
        text: What to draw (t2i) or to say (tts).
        question: What is asked (vqa, chat); a chat without one is spoken.
        seed_key: Draws the wording: the reference's about half of the time, else one of the paraphrases, always the same
            for the same key. None is the reference's.

    Raises:
        ValueError: An unknown task, or one that lacks its text or question.
    """
    if task not in TASKS:
        raise ValueError(f"task {task!r} is none of {', '.join(TASKS)}.")
    instruction = _drawn_instruction(TASKS[task], seed_key)
    match task:
        case "t2i" | "tts":
            return (Message("user", f"{instruction}\n{_given(text, task, 'text')}"),)
        case "caption":
            return (Message("user", f"{instruction}\n{IMAGE_TAG}"),)
        case "vqa":
            return (Message("user", f"{_given(question, task, 'question')}\n{IMAGE_TAG}"),)
        case "asr":
            return (Message("user", f"{instruction}\n{AUDIO_TAG}"),)
        case "svqa":
            return (Message("system", instruction), Message("user", f"{AUDIO_TAG}\n{IMAGE_TAG}"))
        case "chat" if question is not None:
            return (Message("user", question),)
        case _:
            return (Message("system", instruction), Message("user", AUDIO_TAG))


def messages_for(
    task: str, *, text: str | None = None, question: str | None = None, answer: str | None = None, seed_key: str
) -> tuple[Message, ...]:
    """Return a whole sample of `task`: the turns of `prompt_for` and the assistant's.

    Args:
        task: One of `TASKS`.
        text: What to draw (t2i) or to say (tts), what is said (asr), or the caption.
        question: What is asked (vqa, chat); a chat without one is spoken.
        answer: The answer in words (vqa, svqa, chat); spoken questions are answered in words and then in speech.
        seed_key: Draws the wording; see `prompt_for`.

    Raises:
        ValueError: An unknown task, or one that lacks its text, question or answer.
    """
    prompt = prompt_for(task, text=text, question=question, seed_key=seed_key)
    match task:
        case "t2i" | "s2i":
            content = IMAGE_TAG
        case "tts":
            content = AUDIO_TAG
        case "caption" | "asr":
            content = _given(text, task, "text")
        case "svqa":
            content = f"{_given(answer, task, 'answer')}\n{AUDIO_TAG}"
        case "chat" if question is None:
            content = f"{_given(answer, task, 'answer')}\n{AUDIO_TAG}"
        case _:
            content = _given(answer, task, "answer")
    return (*prompt, Message("assistant", content))


def _given(value: str | None, task: str, name: str) -> str:
    if not value:
        raise ValueError(f"task {task} needs a {name}; the record has none.")
    return value


def _drawn_instruction(task: Task, seed_key: str | None) -> str:
    if not task.instructions:
        return ""
    reference, *paraphrases = task.instructions
    if seed_key is None:
        return reference
    draw = int.from_bytes(hashlib.sha256(f"{task.name}\n{seed_key}".encode()).digest()[:8])
    return reference if draw % 2 == 0 else paraphrases[draw // 2 % len(paraphrases)]


def classify(messages: Sequence[Message]) -> str:
    """Return the task of a conversation, judged by what its user and its assistant put in; `chat` where none fits.

    Media in system prompts count for the user, their words where the user has none. A picture with words is `caption` when
    nothing but a description is asked for, else `vqa`; speech answered in words alone is `asr` when a transcript is asked for;
    speech with a picture is `svqa`.
    """
    asked = [message.content for message in messages if message.role != "assistant"]
    said = [message.content for message in messages if message.role == "assistant"]
    saw, heard = (any(tag in content for content in asked) for tag in (IMAGE_TAG, AUDIO_TAG))
    drew, spoke = (any(tag in content for content in said) for tag in (IMAGE_TAG, AUDIO_TAG))
    wrote = any(_TAGS.sub("", content).strip() for content in said)
    questions = _words_of("user", messages) or _words_of("system", messages)
    match (saw, heard, drew, spoke):
        case (False, False, True, False):
            return "t2i"
        case (False, True, True, False):
            return "s2i"
        case (False, False, False, True) if not wrote:
            return "tts"
        case (True, True, False, _):
            return "svqa"
        case (False, True, False, False) if questions and all(map(asks_for_transcript, questions)):
            return "asr"
        case (True, False, False, False):
            return "caption" if questions and all(map(asks_for_description, questions)) else "vqa"
        case _:
            return "chat"


def _words_of(role: Role, messages: Sequence[Message]) -> list[str]:
    contents = (_TAGS.sub(" ", message.content).strip() for message in messages if message.role == role)
    return [words for words in contents if words]
