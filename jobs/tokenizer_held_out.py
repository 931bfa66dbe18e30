"""Which pictures, texts and speakers tokenizers are never trained on, so that whoever measures one may use them.

A tenth, by a hash of the thing itself: no list has to be kept, a copy of it is treated alike, and it stays out in every
collection, whatever else lies there.
"""

import hashlib
import re
from pathlib import Path

_ONE_IN = 10


def held_out(path: Path) -> bool:
    """Tell whether a file is left for evaluation, by its bytes."""
    return _drawn(path.read_bytes())


def held_out_text(text: str) -> bool:
    """Tell whether a sentence is left for evaluation, by its words: case and punctuation do not count."""
    return _drawn(plain_words(text).encode())


def plain_words(text: str) -> str:
    """Return the words of a text in small letters, one space between."""
    return " ".join(re.findall(r"\w+", text.lower()))


def held_out_speaker(speaker: str) -> bool:
    """Tell whether all recordings of a speaker are left for evaluation, by the name the corpus gives."""
    return _drawn(speaker.encode())


def _drawn(content: bytes) -> bool:
    return hashlib.sha256(content).digest()[0] % _ONE_IN == 0
