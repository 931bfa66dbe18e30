"""Text: what is mended, what is refused, and which rule holds for which field of which kind of record."""

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from omniforge.pipeline.filters import cleaning
from omniforge.pipeline.filters.problem import Problem
from omniforge.schemas.record import Kind
from omniforge.tokenizers.vocabulary import AUDIO_TAG, IMAGE_TAG, control_tokens

Writing = Literal["caption", "prompt", "transcript", "question", "answer", "message"]

_WINDOW = 12
_HOPELESS = 8
"""A text this many times its limit is refused before cleaning: no repair saves it, and patterns need not run over megabytes."""
_WHOLE_SIGNS = ("Lo", "Nd", "So")
"""Unicode categories whose single characters say something: ideographs, digits, emoji."""
_SCRIPTS: dict[str, tuple[str, ...]] = {
    "ar": ("ARABIC",),
    "bg": ("CYRILLIC",),
    "el": ("GREEK",),
    "fa": ("ARABIC",),
    "he": ("HEBREW",),
    "hi": ("DEVANAGARI",),
    "ja": ("HIRAGANA", "KATAKANA", "CJK"),
    "ko": ("HANGUL", "CJK"),
    "ru": ("CYRILLIC",),
    "th": ("THAI",),
    "uk": ("CYRILLIC",),
    "zh": ("CJK",),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class TextConfig:
    """Limits of text. Lengths are in characters, after cleaning.

    `languages` are codes such as `en`; empty lets every language pass. With some named, a record is refused if its declared
    language is another, or if most of its letters are of scripts that none of the named is written in.
    """

    max_caption: int = 2_000
    max_prompt: int = 2_000
    max_transcript: int = 2_000
    max_question: int = 12_000
    max_answer: int = 12_000
    max_message: int = 12_000
    min_characters: int = 2
    repetition_from: int = 100
    min_distinct: float = 0.2
    languages: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """How one sort of writing is treated.

    `markup` and `prompt_markup`: whether these are removed. They never are from questions, answers and messages, where angle
    brackets, line ends and flags can be code, mathematics or the very thing asked about. In a transcript entities are decoded
    but tags are refused: nobody can have spoken them, so nothing vouches for the rest. `mask`: whether personal data is masked;
    in a transcript it is refused instead, because the voice would still say it. `short`: whether one letter is enough.
    """

    one_line: bool
    markup: bool
    prompt_markup: bool
    mask: bool
    short: bool
    empty: str
    too_long: str = "too_long"


RULES: dict[Writing, Rule] = {
    "caption": Rule(
        one_line=True,
        markup=True,
        prompt_markup=True,
        mask=True,
        short=False,
        empty="empty_caption",
        too_long="caption_too_long",
    ),
    "prompt": Rule(one_line=True, markup=True, prompt_markup=True, mask=True, short=False, empty="empty_prompt"),
    "transcript": Rule(one_line=True, markup=False, prompt_markup=False, mask=False, short=True, empty="empty_transcript"),
    "question": Rule(one_line=False, markup=False, prompt_markup=False, mask=True, short=False, empty="empty_question"),
    "answer": Rule(one_line=False, markup=False, prompt_markup=False, mask=True, short=True, empty="missing_answer"),
    "message": Rule(one_line=False, markup=False, prompt_markup=False, mask=True, short=True, empty="missing_answer"),
}


def writing_of(kind: Kind, field: str) -> Writing:
    """Say which rule holds for a field (`text`, `question`, `answer`, `messages`) of a kind of record."""
    if field == "messages":
        return "message"
    if field == "question":
        return "question"
    if field == "answer":
        return "answer"
    if kind in ("asr", "tts", "s2i"):
        return "transcript"
    return "prompt" if kind == "prompt" else "caption"


def clean(text: str, writing: Writing) -> tuple[str, tuple[str, ...]]:
    """Mend a text by the rule of its writing.

    Returns:
        The text, and the names of the repairs that changed it: `markup_in_caption`, `entities`, `url`, `control_characters`,
        `bidi_controls`, `prompt_markup`, `personal_data`, `odd_whitespace`.
    """
    rule = RULES[writing]
    spaces = cleaning.to_one_line if rule.one_line else cleaning.to_plain_lines
    steps = [
        ("control_characters", cleaning.drop_control_characters),
        ("bidi_controls", cleaning.drop_bidi_controls),
        ("odd_whitespace", spaces),
    ]
    if rule.markup:
        steps += [("markup_in_caption", cleaning.strip_markup), ("url", cleaning.strip_urls)]
    elif writing == "transcript":
        steps.append(("entities", cleaning.decode_entities))
    if rule.prompt_markup:
        steps.append(("prompt_markup", cleaning.strip_prompt_markup))
    if rule.mask:
        steps.append(("personal_data", cleaning.mask_personal_data))
    cleaned, repairs = cleaning.apply(text, tuple(steps))
    return spaces(cleaning.drop_bidi_controls(cleaning.drop_control_characters(cleaned))), repairs


def check_text(text: str, writing: Writing, config: TextConfig) -> tuple[str, tuple[str, ...]] | Problem:
    """Clean one text and judge it.

    Control tokens are looked for before and after cleaning: before, because cleaning may hide one; after, because dropping a
    character out of the middle may make one.

    Returns:
        The cleaned text and the repairs, or the problem.
    """
    evidence = text.encode("utf-8", "backslashreplace")
    if surrogate := re.search("[\ud800-\udfff]", text):
        return Problem(
            "invalid_unicode", f"lone surrogate U+{ord(surrogate.group()):04X} at character {surrogate.start()}", evidence
        )
    limit: int = getattr(config, f"max_{writing}")
    if len(text) > _HOPELESS * limit:
        return Problem(RULES[writing].too_long, f"{writing} of {len(text)} characters, at most {limit}", evidence)
    cleaned, repairs = clean(text, writing)
    problem = _tokens(text, cleaned, writing) or _content(cleaned, writing, config) or _language(cleaned, config)
    if problem:
        return Problem(problem.reason, problem.detail, evidence)
    return cleaned, repairs


def declared_language_problem(language: str | None, config: TextConfig) -> Problem | None:
    """Hold the language a source declares against those configured; an undeclared one passes."""
    if not config.languages or not language or re.split("[-_]", language.lower())[0] in config.languages:
        return None
    return Problem("language", f"declared as {language}, configured are {', '.join(sorted(config.languages))}")


def is_repetitive(text: str, config: TextConfig) -> bool:
    """Whether too few of the text's windows of 12 characters differ; holds for scripts without blanks too."""
    if len(text) < config.repetition_from:
        return False
    windows = len(text) - _WINDOW + 1
    return len({text[i : i + _WINDOW] for i in range(windows)}) < config.min_distinct * windows


def _tokens(text: str, cleaned: str, writing: Writing) -> Problem | None:
    legal = {IMAGE_TAG, AUDIO_TAG} if writing == "message" else set()
    found = [token for token in (*control_tokens(text), *control_tokens(cleaned)) if token not in legal]
    return Problem("special_tokens_in_text", f"{found[0]} in a {writing}") if found else None


def _content(text: str, writing: Writing, config: TextConfig) -> Problem | None:
    rule = RULES[writing]
    limit: int = getattr(config, f"max_{writing}")
    if not text:
        return Problem(rule.empty, f"no {writing} is left after cleaning")
    if len(text) > limit:
        return Problem(rule.too_long, f"{writing} of {len(text)} characters, at most {limit}")
    if not rule.short and len(text) < config.min_characters and unicodedata.category(text[0]) not in _WHOLE_SIGNS:
        return Problem("too_short", f"{writing} of {len(text)} characters, at least {config.min_characters}")
    if writing == "transcript" and not any(c.isalnum() for c in text):
        return Problem("empty_transcript", "the transcript has no word")
    if is_repetitive(text, config):
        return Problem("repetitive_text", f"less than {config.min_distinct:.0%} of its {_WINDOW}-character windows differ")
    if rule.markup and cleaning.has_markup(text):
        return Problem("markup_in_caption", "markup that cannot be removed by rule")
    if writing == "transcript" and cleaning.has_markup(text):
        return Problem("markup_in_transcript", "a transcript holds HTML, which nobody speaks")
    if writing == "transcript" and cleaning.mask_personal_data(text) != text:
        return Problem("personal_data", "a mail address or telephone number is spoken")
    return None


def _language(text: str, config: TextConfig) -> Problem | None:
    if not config.languages:
        return None
    allowed = {script for language in config.languages for script in _SCRIPTS.get(language, ("LATIN",))}
    letters = [c for c in text if c.isalpha()]
    foreign = sum(unicodedata.name(c, "?").split()[0] not in allowed for c in letters)
    if foreign * 2 <= len(letters):
        return None
    return Problem("language", f"{foreign} of {len(letters)} letters are of no script of {', '.join(sorted(config.languages))}")
