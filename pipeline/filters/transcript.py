"""Hold what a recogniser heard against what is written; the recogniser itself is the caller's."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
from num2words import CONVERTER_CLASSES, num2words

from omniforge.pipeline.filters.problem import Problem

_NUMBER = re.compile(r"\d+(?:,\d{3})+|\d+")
_ORDINAL = re.compile(r"\b(\d{1,15})(?:st|nd|rd|th)\b")
# More digits than these are said one by one, as telephone numbers are; num2words overflows on eleven in some languages.
_SPELLED_OUT = 9
# num2words 0.5.14 breaks down on most Amharic numbers over a thousand.
_NUMBER_LANGUAGES = CONVERTER_CLASSES.keys() - {"am"}
_FUNCTION_WORDS = frozenset(
    """
    a an and are as at be been by can could do does for from had has have he her him his i if in into is it its me
    my no not of on or our out over please she so some that the their them there these they this those to under up
    us was we were what when where which who will with would you your picture image photo show draw make create
    generate paint give want see one
    """.split()  # noqa: SIM905
)


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptConfig:
    """When a transcript counts as another text.

    From `min_words` words on, the word error rate decides, unless at least `min_letters` of the letters agree in order: a weak
    recogniser breaks words but keeps sounds ("later traditions", "lighter digits and"). Below, neither rate means anything:
    Whisper tiny.en hears "Thank you" and "forward" in clips of a fraction of a second, one in four of them. There a text is
    refused only if both it and what was heard are different words of `closed_words`, which real clips were never taken for.
    """

    max_wer: float = 0.7
    min_words: int = 3
    min_letters: float = 0.35
    closed_words: frozenset[str] = frozenset(
        ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "yes", "no")
    )


def spoken_words(text: str, language: str = "en") -> list[str]:
    """Write a text the way it is said: lower case, no punctuation, numbers as words; ideographs are a word each.

    Args:
        text: any text.
        language: code for the words of numbers; one that num2words does not know leaves digits as they are.

    Returns:
        The words. "It's 1,200." gives `["its", "one", "thousand", "two", "hundred"]`.
    """
    text = unicodedata.normalize("NFKC", text).lower()
    spoken = _number_language(language)
    if spoken is not None:
        # An ending such as "3rd" is English.
        ordinal = "ordinal" if spoken.startswith("en") else "cardinal"
        text = _ORDINAL.sub(lambda match: f" {_number(match.group(1), spoken, ordinal)} ", text)
        text = _NUMBER.sub(lambda match: f" {_number(match.group().replace(',', ''), spoken, 'cardinal')} ", text)
    text = re.sub(r"['’ʼ`]", "", text)
    text = "".join(c if c.isalnum() or unicodedata.category(c).startswith("M") else " " for c in text)
    return re.sub(r"([\u3040-\u30ff\u3400-\u9fff])", r" \1 ", text).split()


def _number_language(language: str) -> str | None:
    code = language.replace("-", "_")
    return next((name for name in (code, code.split("_")[0]) if name in _NUMBER_LANGUAGES), None)


def _number(digits: str, language: str, to: str) -> str:
    if len(digits) > _SPELLED_OUT:
        return " ".join(_number(digit, language, "cardinal") for digit in digits)
    return str(num2words(int(digits), lang=language, to=to))


def word_error_rate(reference: str, heard: str, language: str = "en") -> float:
    """Word error rate of what was heard against the reference, both as spoken words; 1.0 or more if nothing agrees."""
    words = spoken_words(reference, language)
    if not words:
        return float(bool(spoken_words(heard, language)))
    return float(jiwer.wer(" ".join(words), " ".join(spoken_words(heard, language))))


def transcript_problem(heard: str, reference: str, config: TranscriptConfig, language: str = "en") -> Problem | None:
    """Say whether a recording holds clearly another text than its transcript.

    Args:
        heard: what the recogniser made of the recording; may be empty.
        reference: the transcript of the corpus.
        config: the limits.
        language: of both texts.

    Returns:
        A `transcript_mismatch`, or None if the two may belong together or cannot be compared, because the recogniser answered
        in another script than the transcript's.
    """
    said, written = spoken_words(heard, language), spoken_words(reference, language)
    evidence = heard.encode("utf-8", "backslashreplace")
    if said and _latin(said) != _latin(written):
        return None
    if len(written) >= config.min_words:
        rate = word_error_rate(reference, heard, language)
        if rate <= config.max_wer or _same_letters(said, written) >= config.min_letters:
            return None
        return Problem(
            "transcript_mismatch", f"word error rate {rate:.2f}, at most {config.max_wer}; heard {heard!r}", evidence
        )
    if said and written and said != written and config.closed_words.issuperset((*said, *written)):
        return Problem("transcript_mismatch", f"heard {heard!r}, written is {reference!r}", evidence)
    return None


def _latin(words: Sequence[str]) -> bool:
    letters = [c for word in words for c in word if c.isalpha()]
    return 2 * sum("LATIN" in unicodedata.name(c, "") for c in letters) >= len(letters)


def _same_letters(said: Sequence[str], written: Sequence[str]) -> float:
    return 1 - float(jiwer.cer("".join(written), "".join(said))) if said else 0.0


def pair_problem(heard: str, related_texts: Sequence[str], language: str = "en") -> Problem | None:
    """Hold a spoken picture prompt against other texts about the same picture.

    Args:
        heard: the words of the prompt, from a transcript or a recogniser.
        related_texts: what else the corpus says about the picture.
        language: of all of them.

    Returns:
        `unverified_pair` if nothing is known about the picture, `transcript_mismatch` if prompt and texts share no content
        word, else None. Words count as shared if one begins with the other's first four letters ("dog" and "dogs").
    """
    known = {_stem(word) for text in related_texts for word in spoken_words(text, language)} - {
        _stem(w) for w in _FUNCTION_WORDS
    }
    evidence = heard.encode("utf-8", "backslashreplace")
    if not known:
        return Problem("unverified_pair", "no other text of the corpus is about this picture", evidence)
    content = [word for word in spoken_words(heard, language) if word not in _FUNCTION_WORDS]
    if any(_stem(word) in known for word in content):
        return None
    return Problem("transcript_mismatch", f"none of {' '.join(content)!r} is in the texts about this picture", evidence)


def _stem(word: str) -> str:
    return word[:4] if len(word) > 4 else word.removesuffix("s")
