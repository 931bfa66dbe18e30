"""Multiple choice questions: the options a question offers, and whether the answer is one of them."""

import re

from omniforge.pipeline.sources.refused import Refused

OPTION = re.compile(r"^[ \t]*\(?([A-Z])[).:](?=\s|$)", re.MULTILINE)
LETTER = re.compile(r"\(?([A-Za-z])\)?[.:]?")


def options(question: str) -> tuple[str, ...]:
    """Return the letters of the options, one to a line (`A. red`, `(B) blue`); empty unless they are A, B and so on."""
    letters = tuple(OPTION.findall(question))
    expected = tuple(chr(ord("A") + number) for number in range(len(letters)))
    return letters if len(letters) > 1 and letters == expected else ()


def require_choice(question: str, answer: str) -> None:
    """Raise `Refused` if the answer is a bare letter that the question does not offer."""
    offered = options(question)
    letter = LETTER.fullmatch(answer.strip())
    if offered and letter and letter.group(1).upper() not in offered:
        raise Refused("answer_not_in_choices", f"{answer.strip()!r} is none of {', '.join(offered)}")
