"""What may be spoken: a text is rewritten so that it can be said, or refused with a reason."""

import re
from dataclasses import dataclass
from typing import Literal

from omniforge.synth.rewriting import (
    PICTURED_WORD,
    latin_letters,
    one_line,
    plain_text,
    spoken_signs,
    without_flags,
    without_media_tags,
    without_pictographs,
    without_shouting,
)
from omniforge.synth.subjects import mathematics, programming
from omniforge.synth.unspeakable import Unspeakable

Role = Literal["question", "answer", "prompt", "sentence"]

_EMPTY = {"question": "empty_question", "answer": "missing_answer", "prompt": "empty_prompt", "sentence": "empty_transcript"}
_CONTROL_TOKEN = re.compile(r"<\|[^|<>\s]{1,40}\|>|\[/?INST\]|</?s>|<</?SYS>>")
_ADDRESS = re.compile(
    r"(?i)\b(?:https?|ftp|file|s3)://\S+|\bwww\.\S+|[\w.+-]+@[\w-]+\.\w{2,}|\b[\w-]+\.(?:com|org|net|edu|gov|io)/\S*"
    r"|(?:^|\s)(?:/[\w.-]+){2,}|\b[A-Z]:\\\S*"
)
_TABLE = re.compile(r"(?m)^[^|\n]*\|[^|\n]*\|[^\n]*$|^[ \t|]*:?-{3,}:?[ \t]*\||\S[^\n]*\t[^\n]*\t\S")
_BOX = re.compile(r"(?i)</?(?:box|bbox|quad|point|ref|poly)>|[\[(]\s*-?\d+(?:\.\d+)?(?:\s*,\s*-?\d+(?:\.\d+)?){3,}\s*[\])]")
_WORD = re.compile(r"[^\W_]")
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=\S)")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeakableConfig:
    """Lengths of what is spoken. Durations are estimated from words at `words_per_second` before anything is spoken.

    Of a prompt only the first `max_characters` are looked at; any other text with more is refused unread.
    """

    max_answer_words: int = 100
    max_prompt_seconds: float = 20.0
    max_question_seconds: float = 20.0
    max_sentence_seconds: float = 25.0
    words_per_second: float = 2.6
    max_word_characters: int = 50
    max_characters: int = 6000


def speakable(text: str, *, role: Role, config: SpeakableConfig) -> str | Unspeakable:
    """Rewrite a text so that it can be said, on one line, or say why it cannot.

    Refused: mathematics, programming, control tokens, addresses, tables, boxes, markup that is more than style, other scripts,
    no words, too long. Rewritten: characters without sound, Markdown and HTML style, emoji, prompt flags, signs and
    abbreviations that engines misread. A prompt over its duration is shortened at a sentence end; nothing else is shortened.
    """
    if not text.strip():
        return Unspeakable(_EMPTY[role], "nothing but blanks")
    if len(text) > config.max_characters and role != "prompt":
        return Unspeakable("answer_too_long" if role == "answer" else "too_long", f"{len(text)} characters")
    text = text[: config.max_characters]
    if (problem := _structure(text)) is not None:
        return problem
    plain = without_flags(plain_text(text)) if role == "prompt" else plain_text(text)
    if not _WORD.search(plain):
        return Unspeakable("not_speakable", f"no words in {text[:40]!r}")
    if (problem := _subject(plain, text, role)) is not None:
        return problem
    if pictured := PICTURED_WORD.search(plain):
        return Unspeakable("not_speakable", f"a pictograph in the place of a word: {pictured[0]!r}")
    written, others = latin_letters(without_pictographs(spoken_signs(plain)))
    if others:
        return Unspeakable("language", f"letters that an English voice does not read: {others[:20]!r}")
    line = without_shouting(one_line(written))
    if not _WORD.search(line):
        return Unspeakable("not_speakable", f"no words in {text[:40]!r}")
    if tag := _TAG.search(line):
        return Unspeakable("not_speakable", f"markup: {tag[0][:60]!r}")
    return _fit(line, role, config)


def _structure(text: str) -> Unspeakable | None:
    """Find what must be seen before the text is cleaned."""
    text = without_media_tags(text)
    if token := _CONTROL_TOKEN.search(text):
        return Unspeakable("special_tokens_in_text", f"control token {token[0]}")
    for name, pattern in (("a table", _TABLE), ("a box", _BOX)):
        if found := pattern.search(text):
            return Unspeakable("not_speakable", f"{name}: {found[0].strip()[:60]!r}")
    return None


def _subject(plain: str, text: str, role: Role) -> Unspeakable | None:
    words = role in ("question", "answer")
    if address := _ADDRESS.search(plain):
        return Unspeakable("not_speakable", f"an address: {address[0].strip()[:60]!r}")
    if code := programming(plain, words=words) or ("```" if "```" in text else ""):
        return Unspeakable("programming", f"{code[:60]!r}")
    if formula := mathematics(plain, words=words):
        return Unspeakable("mathematics", f"{formula[:60]!r}")
    return None


def _fit(line: str, role: Role, config: SpeakableConfig) -> str | Unspeakable:
    words = line.split()
    if longest := max((word for word in words if len(word) > config.max_word_characters), key=len, default=""):
        return Unspeakable("not_speakable", f"a word of {len(longest)} characters: {longest[:40]!r}")
    if role == "answer":
        if len(words) > config.max_answer_words:
            return Unspeakable("answer_too_long", f"{len(words)} words, at most {config.max_answer_words} are spoken")
        return line
    budget = {
        "prompt": config.max_prompt_seconds,
        "question": config.max_question_seconds,
        "sentence": config.max_sentence_seconds,
    }[role]
    most = int(budget * config.words_per_second)
    if len(words) <= most:
        return line
    shortened = _shorten(line, most) if role == "prompt" else ""
    return shortened or Unspeakable("too_long", f"{len(words)} words, about {len(words) / config.words_per_second:.0f} s")


def _shorten(line: str, most: int) -> str:
    """Keep the first sentences that together have at most so many words; empty when the first has more."""
    kept: list[str] = []
    for sentence in _SENTENCE_END.split(line):
        if sum(len(part.split()) for part in [*kept, sentence]) > most:
            break
        kept.append(sentence)
    return " ".join(kept)
