"""Rules that turn a written text into one that can be said, without changing what it says."""

import html
import re
import unicodedata

from omniforge.synth.normalise import spell_number

_HTML_TAG = re.compile(r"(?i)</?(?:br|p|b|i|em|strong|u|span|div|font|sub|sup|li|ul|ol|h[1-6]|a|center|small|big)\b[^<>]*>")
_MEDIA_TAG = re.compile(r"(?i)<\|?(?:image|audio|video|img|speech)\|?>")
_MARKDOWN = (
    (re.compile(r"!?\[([^\]\n]*)\]\([^)\s]*\)"), r"\1"),
    (re.compile(r"^[ \t]{0,3}#{1,6}[ \t]+", re.M), ""),
    (re.compile(r"^[ \t]*>[ \t]?", re.M), ""),
    (re.compile(r"^[ \t]*(?:[-*+•]|\d{1,2}[.)])[ \t]+", re.M), ""),
    (re.compile(r"^[ \t]*(?:[-*_=][ \t]*){3,}$", re.M), ""),
    (re.compile(r"(\*{1,3}|_{1,3})(?=\S)([^*_\n]+?)(?<=\S)\1(?!\w)"), r"\2"),
    (re.compile(r"`([\w \-']+)`"), r"\1"),
)
_PROMPT_FLAG = re.compile(r"(?:^|(?<=\s))--(?:no[ =][\w, ]+|\w[\w-]*(?:[ =][\d.:]+)?)|<(?:lora|hypernet):[^<>]*>")
_PROMPT_WEIGHT = re.compile(r"\(([^():]+):\d*\.?\d+\)|(?<=\w)::\d*\.?\d+|\({2,}|\){2,}")
_SPOKEN_SIGNS = (
    (re.compile(r"\be\.\s?g\.,?"), "for example"),
    (re.compile(r"\bi\.\s?e\.,?"), "that is"),
    (re.compile(r"\b[Nn]o\. ?(?=\d)"), "number "),
    (re.compile(r"\bw/ ?(?=[a-z])"), "with "),
    (re.compile(r"(?:~|≈|\bca?\.) ?(?=\d)"), "about "),
    (re.compile(r"\b(\d)'\s?(\d{1,2})(?:\"|'')"), r"\1 foot \2"),
    (re.compile(r"(\d)\s?[×✕]\s?(?=\d)"), r"\1 by "),
    (re.compile(r"((?:mm|cm|m|in|ft|km))\s?×\s?(?=\d)"), r"\1 by "),
    (re.compile(r"\b([A-Za-z0-9-]{2,})\.(com|org|net|edu|gov|io)\b(?![/\w@])"), r"\1 dot \2"),
    (re.compile(r"#(?=[A-Za-z])"), "hashtag "),
    (re.compile(r"(?<!\w)@(?=\w)"), "at "),
    (re.compile(r"\$([A-Za-z0-9])\$"), r"\1"),
    (re.compile(r"(?<![\w<])(?:<3|[:;]-?[)(DP])(?!\w)"), ""),
)
PICTURED_WORD = re.compile(
    r"(?i)\b(?:a|an|the|or|and|of|is|are|in|on|with|my|this|that|your|his|her|its) "
    r"(?:[\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff]\ufe0f?)+"
)
"""An emoji where the sentence needs a word: "Is it ☀ or 🌧?". Elsewhere emoji are decoration and dropped."""

_POWERS = str.maketrans({"²": " squared", "³": " cubed", "®": "", "™": "", "©": ""})


def plain_text(text: str) -> str:
    """Drop what has no sound: control and format characters, media tags, HTML that only styles, Markdown's marks."""
    text = text.translate(_POWERS).replace("\r\n", "\n").replace("\r", "\n").replace("\t", " ").replace("\u2028", "\n")
    text = "".join(character for character in text if character == "\n" or unicodedata.category(character)[0] != "C")
    text = unicodedata.normalize("NFKC", html.unescape(text)).replace("⁄", "/")
    text = re.sub(r"[^\D0-9]", lambda match: str(unicodedata.decimal(match[0])), text)
    text = without_media_tags("".join(character for character in text if unicodedata.category(character) != "Mn"))
    text = _HTML_TAG.sub(lambda match: "\n" if re.match(r"(?i)</?(?:br|p|div|li|h\d)\b", match[0]) else "", text)
    for pattern, replacement in _MARKDOWN:
        text = pattern.sub(replacement, text)
    return text.strip()


def without_media_tags(text: str) -> str:
    """Drop the tags that say where a picture or a sound stands in a turn."""
    return _MEDIA_TAG.sub(" ", text)


def without_flags(prompt: str) -> str:
    """Drop what a prompt tells a picture tool and not a person: `--ar 16:9`, `(word:1.3)`, `<lora:x:0.8>`."""
    return _PROMPT_WEIGHT.sub(lambda match: match[1] or "", _PROMPT_FLAG.sub("", prompt))


def spoken_signs(text: str) -> str:
    """Spell what hibari and its like do not read, or read wrongly; what they do read right is left to them."""
    for pattern, replacement in _SPOKEN_SIGNS:
        text = pattern.sub(replacement, text)
    return re.sub(r"\d{16,}", lambda match: spell_number(match[0]), text)


def one_line(text: str) -> str:
    """Join lines; a line that ends without a stop gets one, so that a pause is heard where the eye saw one."""
    lines = [line.strip() for line in text.split("\n")]
    joined = " ".join(line if line[-1] in ".!?,;:…" else f"{line}." for line in lines[:-1] if line)
    return re.sub(r"\s+", " ", f"{joined} {lines[-1]}").strip()


def without_pictographs(text: str) -> str:
    """Drop emoji, dingbats, arrows and other symbols that nobody reads aloud, with their joiners and skin tones."""
    kept = [" " if _is_pictograph(character) or character in "←→↑↓⇒\ufe0f" else character for character in text]
    return re.sub(r"[ ]+", " ", "".join(kept)).strip()


def _is_pictograph(character: str) -> bool:
    return unicodedata.category(character) in ("So", "Sk") and character not in "°^`"


def latin_letters(text: str) -> tuple[str, str]:
    """Name single Greek letters, keep Latin ones, and collect all others.

    Letters of the phonetic alphabet (U+0250 to U+02AF) count as others: engines skip them.
    """
    others: list[str] = []
    written: list[str] = []
    for place, character in enumerate(text):
        if character.isascii() or not character.isalpha():
            written.append(character)
            continue
        name = unicodedata.name(character, "")
        if name.startswith("LATIN") and not 0x250 <= ord(character) < 0x2B0:
            written.append(character)
        elif name.startswith("GREEK") and " LETTER " in name and _alone(text, place):
            written.append(f" {name.split(' LETTER ')[1].split(' WITH ')[0].lower().replace('lamda', 'lambda')} ")
        else:
            others.append(character)
    return "".join(written), "".join(others)


def _alone(text: str, place: int) -> bool:
    """No letter stands beside this one."""
    return not any(neighbour.isalpha() for neighbour in text[max(place - 1, 0) : place] + text[place + 1 : place + 2])


_SHOUTED = re.compile(r"(?<![^\W_])(?:(?:[^\W\d_]\.){2,}|[^\W\d_]+(?:['’][^\W\d_]+)*)|\d[^\W_]*")
"""A word with its apostrophes, letters with dots between them, or a number with what hangs on it."""

_ACRONYMS = frozenset(
    """
    ABC AC ADHD AI API ASAP ATM ATV CEO CGI CIA CPU DIY DNA ESPN EU EV FAQ FBI GPU HDMI HIV IBM ID IQ IRS MIT NASA NATO NBA NYC
    RNA SUV UAE UCLA UEFA UFC UFO UK UN UNESCO UNICEF URL USA USB USSR UV VIP
    """.split()  # noqa: SIM905
)
"""Those with a vowel that are no other word besides: "IT" and "US" are not told from "it" and "us"."""

_NO_ACRONYMS = frozenset("MR MRS MS DR ST VS FT LB LBS OZ KM CM MM KG MG ML MPH PSST SHH HMM NTH".split())  # noqa: SIM905


def without_shouting(text: str) -> str:
    """Write a text of four words and more that is all in capitals as a sentence: engines spell out "UP" and "AN".

    What is spelt out anyway stays: "I", acronyms (words without a vowel, and a list), letters with dots, Roman numbers.

    >>> without_shouting("DO I SEE NASA ON TV? I'M SURE.")
    "Do I see NASA on TV? I'm sure."
    """
    if len(text.split()) < 4 or text != text.upper() or text == text.lower():
        return text
    return re.sub(r"(?:^|(?<=[.!?] ))\w", lambda found: found[0].upper(), _SHOUTED.sub(_unshouted, text))


def _unshouted(found: re.Match[str]) -> str:
    word = found[0]
    if word.startswith(("I'", "I’")):
        return "I" + word[1:].lower()
    spelt = "." in word or word == "I" or word in _ACRONYMS or re.fullmatch("[IVX]{2,}", word)
    consonants = re.fullmatch("[B-DF-HJ-NP-TV-XZ]+", word) and word not in _NO_ACRONYMS
    return word if spelt or consonants else word.lower()
