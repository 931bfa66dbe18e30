"""Take one record of a source through all the filters that need no model."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from omniforge.pipeline.filters.pace import PaceConfig, pace_problem, words_per_second
from omniforge.pipeline.filters.pictures import PictureConfig, check_picture
from omniforge.pipeline.filters.problem import Problem
from omniforge.pipeline.filters.sound import SoundConfig, check_sound, in_stored_form
from omniforge.pipeline.filters.text import TextConfig, check_text, declared_language_problem, writing_of
from omniforge.pipeline.filters.transcript import TranscriptConfig
from omniforge.schemas.record import EVIDENCE_BYTES, Kind, MediaFile, Message, Record, Refusal, SourceRecord, record_key
from omniforge.tokenizers.vocabulary import AUDIO_TAG, IMAGE_TAG

VERSION = "2"
"""Enters the fingerprint; raise it when the same bytes under the same limits would come out otherwise."""

_TEXT_FIELDS = ("text", "question", "answer")
_NEEDED_TEXTS: dict[Kind, tuple[tuple[str, str], ...]] = {
    "caption": (("text", "missing_caption"),),
    "vqa": (("question", "missing_question"), ("answer", "missing_answer")),
    "asr": (("text", "missing_transcript"),),
    "tts": (("text", "missing_transcript"),),
    "prompt": (("text", "empty_prompt"),),
    "chat": (),
    "svqa": (("answer", "missing_answer"),),
    "s2i": (),
}
_NEEDS_PICTURE: frozenset[Kind] = frozenset({"caption", "vqa", "svqa", "s2i"})
_NEEDS_SOUND: frozenset[Kind] = frozenset({"asr", "svqa", "s2i"})
"""Kinds that are nothing without a sound. A `tts` record may be text alone, to be spoken by synthesis."""
_SPOKEN_FIELD = {"speech": "text", "question": "question", "answer": "answer"}


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckConfig:
    """All limits of the filters. `transcript` is for the caller that has a recogniser; `check` itself does not use it."""

    text: TextConfig = field(default_factory=TextConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    sound: SoundConfig = field(default_factory=SoundConfig)
    pace: PaceConfig = field(default_factory=PaceConfig)
    transcript: TranscriptConfig = field(default_factory=TranscriptConfig)

    def fingerprint(self) -> str:
        """Hash of every limit and of the filters' version; part of the id of a work unit."""
        values = json.dumps([VERSION, asdict(self)], sort_keys=True, default=sorted)
        return hashlib.sha256(values.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A record on its way through the blocks: `source` holds the texts as they are mended, `media` what has been checked."""

    source: SourceRecord
    media: tuple[MediaFile, ...] = ()
    repairs: tuple[str, ...] = ()
    measures: dict[str, float | str] = field(default_factory=dict)


Block = Callable[[Draft, CheckConfig], Draft | Problem]


def is_picture(role: str) -> bool:
    """Whether a medium of this role is a picture; every other is a sound."""
    return role.startswith("image")


def completeness(draft: Draft, config: CheckConfig) -> Draft | Problem:
    """Refuse a record that lacks what its kind needs."""
    source = draft.source
    for name, reason in _NEEDED_TEXTS[source.kind]:
        if getattr(source, name) is None:
            return Problem(reason, f"a record of kind {source.kind} without {name}")
    pictures = sum(is_picture(media.role) for media in source.media)
    if source.kind in _NEEDS_PICTURE and not pictures:
        return Problem("missing_image", f"a record of kind {source.kind} without a picture")
    if source.kind in _NEEDS_SOUND and pictures == len(source.media):
        return Problem("missing_media", f"a record of kind {source.kind} without a sound")
    if source.kind == "chat" and not source.messages:
        return Problem("empty_messages", "a conversation without turns")
    return draft


def texts(draft: Draft, config: CheckConfig) -> Draft | Problem:
    """Clean and judge every text of the record."""
    source = draft.source
    if problem := declared_language_problem(source.language, config.text):
        return problem
    cleaned: dict[str, Any] = {}
    repairs: list[str] = []
    for name in _TEXT_FIELDS:
        if (value := getattr(source, name)) is not None:
            outcome = check_text(value, writing_of(source.kind, name), config.text)
            if isinstance(outcome, Problem):
                return outcome
            cleaned[name], found = outcome
            repairs += found
    turns: list[Message] = []
    for turn in source.messages:
        outcome = check_text(turn.content, "message", config.text)
        if isinstance(outcome, Problem):
            if outcome.reason == "missing_answer" and turn.role != "assistant":
                outcome = replace(outcome, reason="empty_prompt")
            return replace(outcome, detail=f"turn of the {turn.role}: {outcome.detail}")
        turns.append(Message(turn.role, outcome[0]))
        repairs += outcome[1]
    return replace(draft, source=replace(source, messages=tuple(turns), **cleaned), repairs=(*draft.repairs, *repairs))


def media_tags(draft: Draft, config: CheckConfig) -> Draft | Problem:
    """Refuse a conversation whose tags, after cleaning, do not match its media one to one."""
    source = draft.source
    if not source.messages:
        return draft
    content = "".join(turn.content for turn in source.messages)
    pictures = sum(is_picture(media.role) for media in source.media)
    for tag, there in ((IMAGE_TAG, pictures), (AUDIO_TAG, len(source.media) - pictures)):
        if content.count(tag) != there:
            return Problem("tag_count_mismatch", f"{content.count(tag)} {tag} for {there} media", content.encode())
    return draft


def media(draft: Draft, config: CheckConfig) -> Draft | Problem:
    """Decode, judge and convert every picture and sound, in their order."""
    files: list[MediaFile] = []
    repairs: list[str] = []
    measures = dict(draft.measures)
    for raw in draft.source.media:
        if is_picture(raw.role):
            picture = check_picture(raw.data, raw.role, config.picture)
            if isinstance(picture, Problem):
                return replace(picture, detail=f"{raw.name}: {picture.detail}")
            files.append(picture.file)
            repairs += picture.repairs
        else:
            sound = check_sound(raw.data, raw.role, config.sound)
            if isinstance(sound, Problem):
                return replace(sound, detail=f"{raw.name}: {sound.detail}")
            # What an export holds byte for byte is not encoded anew, lest another encoder make other bytes of it.
            stored = in_stored_form(raw.data, raw.role, config.sound) if draft.source.exported else None
            files.append(stored or sound.file)
            repairs += () if stored else sound.repairs
            measures.setdefault("peak_db", round(sound.peak_db, 3))
    return replace(draft, media=tuple(files), repairs=(*draft.repairs, *repairs), measures=measures)


def pace(draft: Draft, config: CheckConfig) -> Draft | Problem:
    """Refuse a recording that is too short or far too long for its transcript."""
    measures = dict(draft.measures)
    language = draft.source.language or "en"
    for file in draft.media:
        transcript = getattr(draft.source, _SPOKEN_FIELD.get(file.role, ""), None)
        if transcript and file.seconds:
            if problem := pace_problem(transcript, file.seconds, config.pace, language):
                return problem
            measures.setdefault("words_per_second", round(words_per_second(transcript, file.seconds, language), 3))
    return replace(draft, measures=measures)


BLOCKS: tuple[Block, ...] = (completeness, texts, media_tags, media, pace)
"""The filters in the order they run: cheap ones first."""


def check(record: SourceRecord, *, corpus: str, config: CheckConfig) -> Record | Refusal:
    """Take a record through `BLOCKS`; the first problem refuses it.

    This is the one place where an exception that no rule foresaw becomes a `failed` outcome, so that one record never stops a
    unit. It is worth another try (`retryable`) if the machine was at fault: `OSError`, `MemoryError`.

    Args:
        record: as its source read it.
        corpus: name of the corpus, part of the key.
        config: the limits.

    Returns:
        The record with cleaned texts, checked media, the names of all repairs, and `peak_db` and `words_per_second` of its
        first sound among the measures; or the refusal with reason, detail and the first bytes of what was wrong.
    """
    key = record_key(corpus, record.source_uri)
    draft = Draft(source=record, repairs=record.repairs, measures=record.measures)
    try:
        for block in BLOCKS:
            outcome = block(draft, config)
            if isinstance(outcome, Problem):
                return Refusal(
                    source_uri=record.source_uri,
                    key=key,
                    reason=outcome.reason,
                    detail=outcome.detail,
                    evidence=(outcome.evidence or _evidence(record))[:EVIDENCE_BYTES],
                )
            draft = outcome
    except Exception as error:
        return Refusal(
            source_uri=record.source_uri,
            key=key,
            reason="exception",
            detail=f"{type(error).__name__}: {error}",
            outcome="failed",
            retryable=isinstance(error, OSError | MemoryError),
            evidence=_evidence(record)[:EVIDENCE_BYTES],
        )
    return _kept(draft, key, corpus)


def _evidence(record: SourceRecord) -> bytes:
    written = [record.text, record.question, record.answer, *(turn.content for turn in record.messages)]
    return "\n".join(text for text in written if text).encode("utf-8", "backslashreplace")


def _kept(draft: Draft, key: str, corpus: str) -> Record:
    source = draft.source
    return Record(
        key=key,
        corpus=corpus,
        source_uri=source.source_uri,
        kind=source.kind,
        text=source.text,
        question=source.question,
        answer=source.answer,
        messages=source.messages,
        media=draft.media,
        language=source.language,
        speaker=source.speaker,
        license=source.license,
        split=source.split,
        parents=source.parents,
        repairs=tuple(dict.fromkeys(draft.repairs)),
        measures=draft.measures,
    )
