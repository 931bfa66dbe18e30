"""Multiple choice as it is asked aloud: an open question, and the words of the option as the answer."""

import re
from collections.abc import Mapping

from omniforge.synth.unspeakable import Unspeakable

_OPTION = re.compile(r"(?:(?<=\n)|(?<=\s)|^)\(?([A-Ha-h])[.):]\)?[ \t]+(?=\S)|(?:(?<=\n)|(?<=\s)|^)\(([A-Ha-h])\)[ \t]*(?=\S)")
_HEADER = re.compile(r"(?i)\s*\b(?:choices|options|answer choices|select from the following(?: options)?)\s*:\s*$")
_INSTRUCTION = re.compile(
    r"(?is)\s*(?:please\s+)?(?:answer|respond|reply|select|choose|pick)\b[^.?!\n]*"
    r"\b(?:letter|option|choices?|directly|single (?:word|number|phrase)|one word|word or phrase)\b[^.?!\n]*[.!:]?\s*$"
)
_BACK_REFERENCE = re.compile(
    r"(?i)\b(?:of the following|following|of these|the options|the choices|listed|given below|shown below)\b"
)
_LETTER = re.compile(
    r"(?i)^\s*(?:(?:the\s+)?(?:correct\s+)?(?:answer|option|choice)\s*(?:is|:)?\s*)?\(?([A-H])\)?\s*(?:[.:)]\s*(.*))?$", re.S
)
_COLLECTIVE = re.compile(r"(?i)^(?:all|both|none|neither|either) of (?:the above|these|them)|^both [A-H] and [A-H]")


def open_question(question: str, answer: str) -> tuple[str, str] | Unspeakable:
    r"""Rewrite a multiple-choice pair; any other pair only loses an instruction such as "Answer with a single number".

    The options are left out, unless the question refers to them ("which of these"): then they are asked as a list. The answer
    may be the letter, the letter with the words, or the words.

    >>> open_question("Which animal?\nA. a dog\nB. a cat\nAnswer with the option's letter.", "B")
    ('Which animal?', 'a cat')
    """
    bare = _INSTRUCTION.sub("", question).strip()
    found = _options(bare)
    if found is None:
        return bare, answer
    stem, options = found
    chosen = _chosen(answer, options)
    if chosen is None:
        offered = ", ".join(options)
        return Unspeakable("answer_not_in_choices", f"{answer[:60]!r} is none of the options {offered}")
    if _COLLECTIVE.match(chosen):
        return Unspeakable("not_speakable", f"the answer {chosen[:60]!r} speaks of the options, which are not read aloud")
    if not stem:
        return Unspeakable("empty_question", "there are options but no question")
    if _BACK_REFERENCE.search(stem):
        *others, last = [option.rstrip(" .;,") for option in options.values()]
        stem = f"{stem.rstrip(' :')} {'Is it ' if stem.rstrip().endswith('?') else ''}{', '.join(others)} or {last}?"
    return stem, chosen


def _options(question: str) -> tuple[str, dict[str, str]] | None:
    """Split a question into its stem and its options by letter, or give None if it offers none."""
    marks = list(_OPTION.finditer(question))
    for first in range(len(marks)):
        run = marks[first:]
        letters = [(mark[1] or mark[2]).upper() for mark in run]
        if (
            letters[0] == "A"
            and _starts_options(question, run[0])
            and len(run) >= 2
            and letters == [chr(ord("A") + place) for place in range(len(run))]
        ):
            ends = [*(mark.start() for mark in run[1:]), len(question)]
            texts = [question[mark.end() : end].strip() for mark, end in zip(run, ends, strict=True)]
            if all(texts):
                return _HEADER.sub("", question[: run[0].start()]).strip(), dict(zip(letters, texts, strict=True))
    return None


def _starts_options(question: str, mark: re.Match[str]) -> bool:
    """Tell the first option from an initial in a name ("Dr. A. Smith and B. Jones"): it is in brackets or after `?` or `:`."""
    before = question[: mark.start()].rstrip(" \t")
    return mark[0].startswith("(") or not before or before[-1] in "\n?:"


def _chosen(answer: str, options: Mapping[str, str]) -> str | None:
    by_words = {words.rstrip(" .").casefold(): words for words in options.values()}
    if (words := by_words.get(answer.strip().rstrip(" .").casefold())) is not None:
        return words
    named = _LETTER.match(answer)
    if named is None or named[1].upper() not in options:
        return None
    words = options[named[1].upper()]
    repeated = (named[2] or "").strip().rstrip(" .").casefold()
    return words if not repeated or repeated == words.rstrip(" .").casefold() else None
