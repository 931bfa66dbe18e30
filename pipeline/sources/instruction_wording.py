"""Telling an instruction (which task) from content (which words), in corpora that mix both in one user turn.

Known are the wordings this project trains with (`tokenizers.instructions`) and, by pattern, those that public corpora use.
"""

import re

from omniforge.tokenizers.instructions import INSTRUCTIONS

LONGEST = 200
"""Characters beyond which no text is taken for a mere instruction."""

_PICTURE = r"(?:the|this|that|an?|following|given|attached|\s)+(?:image|picture|photo(?:graph)?|scene)"
_SPEECH = r"(?:the|this|that|an?|following|given|attached|\s)*(?:speech|audio|recording|sound|clip|voice|utterance|spoken \w+)"
_PLEASE = r"(?:please |can you |could you )?"
_MANNER = r"(?: (?:briefly|shortly|concisely|in (?:\w+ )?detail|in (?:[\w-]+ ){1,3}(?:sentences?|words?|paragraphs?)))?"

PATTERNS: dict[str, tuple[str, ...]] = {
    "caption": (
        rf"{_PLEASE}(?:briefly )?(?:describe|caption|summari[sz]e|explain) {_PICTURE}{_MANNER}",
        rf"{_PLEASE}(?:give|write|provide|generate|compose|create)(?: me| us)? (?:an?|the) (?:[\w-]+ ){{0,4}}"
        rf"(?:caption|description|summary)(?: (?:for|of) {_PICTURE})?{_MANNER}",
        rf"what (?:do|can) you see(?: (?:in|on) {_PICTURE})?",
        rf"what (?:does|is shown in|is depicted in|is in) {_PICTURE}(?: show| depict)?",
        r"what is (?:shown|depicted)(?: here)?",
        r"(?:image|picture) caption(?:ing)?",
    ),
    "asr": (
        rf"{_PLEASE}(?:transcribe|recogni[sz]e|write down){_SPEECH}(?: (?:in)?to text| word for word)?",
        rf"{_PLEASE}(?:convert|turn|transcribe|change){_SPEECH} (?:in)?to (?:written )?text",
        r"what (?:is|was) (?:being )?said(?: in .{1,40})?",
    ),
    "tts": (
        r"(?:please )?(?:convert|turn|change)(?:the|this|following|given|\s)*(?:text|sentence) (?:in)?to (?:speech|audio)",
        r"(?:please )?(?:read|say|speak)(?:the|this|following|given|\s)*(?:text|sentence)?(?: aloud| out loud)?",
    ),
    "t2i": (
        r"(?:please )?(?:generate|create|draw|make|paint|produce) an? (?:image|picture|photo|drawing)"
        r"(?: (?:based on|from|of|for|that matches|matching|according to)"
        r"(?:the|this|following|provided|given|\s)* ?(?:text(?: description)?|description|caption|prompt)?)?",
    ),
}
_COMPILED = {task: tuple(re.compile(pattern) for pattern in patterns) for task, patterns in PATTERNS.items()}
_KNOWN = {task: frozenset(map(str.casefold, wordings)) for task, wordings in INSTRUCTIONS.items()}


def is_instruction(task: str, text: str) -> bool:
    """Whether a text is nothing but an instruction for the task (`caption`, `asr`, `tts`, `t2i`, `svqa`, `s2i`, `chat`)."""
    if len(text) > LONGEST:
        return False
    plain = re.sub(r"\s+", " ", text).strip().casefold()
    if plain in _KNOWN.get(task, ()):
        return True
    bare = plain.rstrip(".:!? ")
    return any(pattern.fullmatch(bare) for pattern in _COMPILED.get(task, ()))


def split_instruction(task: str, text: str) -> tuple[str, str]:
    """Split a user's turn into the instruction, if its first line or its beginning is one, and what it is about.

    >>> split_instruction("tts", "Read this text aloud. Seven.")
    ('Read this text aloud.', 'Seven.')
    """
    first, _, rest = text.strip().partition("\n")
    if is_instruction(task, first):
        return first.strip(), rest.strip()
    for wording in INSTRUCTIONS.get(task, ()):
        if text.strip().casefold().startswith(wording.casefold()):
            return text.strip()[: len(wording)], text.strip()[len(wording) :].strip()
    return "", text.strip()
