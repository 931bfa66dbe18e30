"""Repairs of text: each takes a text and gives the mended one, or the same if there was nothing to mend."""

import html
import re
import unicodedata
from collections.abc import Callable

MAIL_MASK = "[mail address]"
TELEPHONE_MASK = "[telephone number]"

_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_INVISIBLE = re.compile("[\u00ad\u200b\u2060-\u2064\ufeff]")
_JOINER = re.compile("[\u200c\u200d]")
_TAG_CHARACTERS = re.compile("(\U0001f3f4[\U000e0020-\U000e007f]+)|[\U000e0000-\U000e007f]+")
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_NAMES = (
    "a abbr article aside audio b big blockquote body br button canvas center cite code dd del div dl dt em embed figcaption "
    "figure font footer form h[1-6] head header hr html i iframe img input ins kbd label li link main mark meta nav noscript "
    "object ol option p param picture pre q s samp script section select small source span strike strong style sub summary sup "
    "svg table tbody td textarea tfoot th thead time title tr tt u ul var video wbr"
)
_NAME = "(?:" + "|".join(_NAMES.split()) + ")"
_HIDDEN = re.compile(r"<!--.*?-->|<(script|style)\b[^<>]*>.*?</\1\s*>", re.DOTALL | re.IGNORECASE)
_TAG = re.compile(rf"</?{_NAME}(?:\s[^<>]*)?/?>", re.IGNORECASE)
_BROKEN_TAG = re.compile(rf"</?{_NAME}(?:\s+[\w-]+\s*=|\s*/?>)|<!--|<!doctype", re.IGNORECASE)
_URL = re.compile(r"(?:\bhttps?://|\bftp://|\bwww\.)[^\s<>\"]+", re.IGNORECASE)
_URL_TAIL = ".,;:!?)'\u2019"
_MODEL_FILE = re.compile(r"<(?:lora|lyco|hypernet):[^<>]*>", re.IGNORECASE)
_WEIGHT = re.compile(r"[(\[]([^()\[\]]*?):\s*\d+(?:\.\d+)?[)\]]")
_EMPHASIS = re.compile(r"\({2,8}([^()]{0,300})\){2,8}|\[{2,8}([^\[\]]{0,300})\]{2,8}|\{{1,8}([^{}]{0,300})\}{1,8}")
_PART_WEIGHT = re.compile(r"::\s*-?\d*(?:\.\d+)?")
_NEGATIVE_FLAG = re.compile(r"(?<!\S)--no\s+.*?(?=\s--[a-z]|$)", re.IGNORECASE | re.DOTALL)
_BARE_FLAG = re.compile(
    r"(?<!\S)--(?:tile|hd|test|testp|video|raw|turbo|fast|relax|uplight|upbeta|creative)(?!\S)", re.IGNORECASE
)
_FLAG = re.compile(
    r"(?<!\S)--(?:ar|aspect|v|version|niji|q|quality|s|stylize|style|seed|sameseed|chaos|c|iw|cw|sw|sref|cref|stop|weird|w|h"
    r"|width|height|repeat|r|steps|cfg|sampler|profile|p)(?:[\s=]+[\w:./,%-]+)?",
    re.IGNORECASE,
)
_MAIL = re.compile(r"\b[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,5}\b")
_TELEPHONE = re.compile(
    r"(?<![\w.+])(?:\+\d[\d ().\-/]{5,18}\d|\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}|\(?0\d{2,4}\)?[ /-]\d{3,4}[ -]?\d{3,4})(?![\w.]*\d)"
)
_FENCE = re.compile(r"(```.*?(?:```|$))", re.DOTALL)


def drop_control_characters(text: str) -> str:
    """Drop control characters (but tab and line ends) and code points that Unicode reserves as no characters."""
    return "".join(
        c
        for c in text
        if c in "\n\t\r" or not (unicodedata.category(c) == "Cc" or ord(c) & 0xFFFE == 0xFFFE or "\ufdd0" <= c <= "\ufdef")
    )


def drop_bidi_controls(text: str) -> str:
    """Drop the marks that reorder text on a screen; the script itself stays."""
    return _BIDI.sub("", text)


def drop_invisible(text: str) -> str:
    """Drop zero-width characters, except joiners that shape a script or an emoji and the tags of regional flags."""

    def joiner(match: re.Match[str]) -> str:
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        return match.group() if before and after and not before.isascii() and not after.isascii() else ""

    text = _INVISIBLE.sub("", text)
    text = _JOINER.sub(joiner, text)
    return _TAG_CHARACTERS.sub(lambda match: match.group(1) or "", text)


def to_one_line(text: str) -> str:
    """Make every run of white space, no-break and thin spaces included, one blank, and trim the ends."""
    return " ".join(drop_invisible(text).split())


def to_plain_lines(text: str) -> str:
    r"""Make line ends `\n` and odd spaces blanks; indentation, tabs and empty lines inside stay: in code they carry meaning."""
    lines = re.sub(r"\r\n?|[\u2028\u2029\x0b\x0c\x85]", "\n", drop_invisible(text)).split("\n")
    lines = [re.sub(r"[^\S\n\t ]", " ", line).rstrip() for line in lines]
    joined = "\n".join(lines).strip("\n")
    return joined if "\n" in joined else joined.strip()


def decode_entities(text: str) -> str:
    """Replace HTML entities that end in a semicolon; twice, because crawled text is often escaped twice."""
    for _ in range(2):
        text = _ENTITY.sub(lambda match: html.unescape(match.group()), text)
    return text


def strip_markup(text: str) -> str:
    """Decode entities and remove HTML comments, scripts and tags; names in angle brackets that are no HTML stay."""
    return _TAG.sub(" ", _HIDDEN.sub(" ", decode_entities(text)))


def has_markup(text: str) -> bool:
    """Whether an HTML tag, whole or torn, is in the text."""
    return bool(_TAG.search(text) or _BROKEN_TAG.search(text))


def strip_urls(text: str) -> str:
    """Remove addresses of the web; the punctuation behind them stays."""
    return _URL.sub(lambda match: match.group()[len(match.group().rstrip(_URL_TAIL)) :], text)


def strip_prompt_markup(text: str) -> str:
    """Remove what image tools read as commands: `--ar 16:9`, `<lora:x:1>`, `(word:1.3)`, `((word))`, `word::2`."""
    text = _FLAG.sub(" ", _BARE_FLAG.sub(" ", _NEGATIVE_FLAG.sub(" ", _MODEL_FILE.sub(" ", text))))
    text = _PART_WEIGHT.sub(" ", _WEIGHT.sub(r"\1", text))
    return _EMPHASIS.sub(lambda match: next(group for group in match.groups() if group is not None), text)


def mask_personal_data(text: str) -> str:
    """Put a mask for mail addresses and telephone numbers; fenced code stays as it is."""
    parts = _FENCE.split(text)
    return "".join(
        part if part.startswith("```") else _TELEPHONE.sub(TELEPHONE_MASK, _MAIL.sub(MAIL_MASK, part)) for part in parts
    )


def apply(text: str, steps: tuple[tuple[str, Callable[[str], str]], ...]) -> tuple[str, tuple[str, ...]]:
    """Run named repairs in order.

    Returns:
        The text, and the names of those steps that changed more than blanks at its ends.
    """
    names = []
    for name, step in steps:
        mended = step(text)
        if mended.strip() != text.strip():
            names.append(name)
        text = mended
    return text, tuple(names)
