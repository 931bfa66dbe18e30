"""What a sentence says about a scene, read back from its words to hold captions and pictures against each other."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from omniforge.pipeline.sources.scenes import COLOURS, SHAPES, Relation, SceneObject, Size, relation
from omniforge.pipeline.sources.scenes_words import (
    ANYTHING,
    NUMBERS,
    RELATION_WORDS,
    SIZE_WORDS,
    THING,
    Description,
    matching,
)

_SIZES: dict[str, Size] = {word: size for size, words in SIZE_WORDS.items() for word in words}
_RELATIONS: dict[str, Relation] = {word: where for where, words in RELATION_WORDS.items() for word in words}


def _any(words: Sequence[str]) -> str:
    return "|".join(re.escape(word) for word in sorted(set(words), key=len, reverse=True))


_NAME = rf"(?:(?:{_any(tuple(_SIZES))}) )?(?:(?:{_any(tuple(COLOURS))}) )?(?:{_any((*SHAPES, *ANYTHING, *THING))})(?:e?s)?"
_PHRASE = re.compile(rf"\b(?:(?P<number>an?|the|{_any(NUMBERS)}) )?(?P<name>{_NAME})\b")
_RELATED = re.compile(
    rf"\b(?P<first>{_NAME})(?: is)? (?P<where>{_any(tuple(_RELATIONS))}) (?:an?|the|one) (?P<second>{_NAME})\b"
)


@dataclass(frozen=True, slots=True)
class CountClaim:
    """So many objects of this description, no more and no fewer."""

    description: Description
    count: int

    def holds(self, objects: Sequence[SceneObject]) -> bool:
        """Whether the claim is true of the objects."""
        return len(matching(objects, self.description)) == self.count


@dataclass(frozen=True, slots=True)
class RelationClaim:
    """An object of the first description lies in this direction from one of the second."""

    first: Description
    where: Relation
    second: Description

    def holds(self, objects: Sequence[SceneObject]) -> bool:
        """Whether the claim is true of some pair of the objects."""
        firsts, seconds = matching(objects, self.first), matching(objects, self.second)
        return any(relation(one, other) == self.where for one in firsts for other in seconds if one is not other)


Claim = CountClaim | RelationClaim


def described(name: str) -> Description:
    """Read a noun phrase without article: "large red circles" tells a size, a colour and a shape."""
    words = name.split(" ")
    head = next((shape for shape in SHAPES if words[-1] in (shape, f"{shape}s", f"{shape}es")), None)
    colour = next((word for word in words if word in COLOURS), None)
    return Description(head, colour, next((_SIZES[word] for word in words if word in _SIZES), None))


def descriptions(text: str) -> tuple[Description, ...]:
    """List everything that a text names, in order."""
    return tuple(described(match["name"]) for match in _PHRASE.finditer(text.lower()))


def claims(text: str) -> tuple[Claim, ...]:
    """List what a caption or a request says, as far as the wording of the embedded scenes goes.

    "a", "one" and "the" claim exactly one; so "a circle" is false of a picture with two circles.
    """
    text = text.lower()
    found: list[Claim] = []
    for match in _PHRASE.finditer(text):
        word = match["number"]
        if word:
            count = NUMBERS.index(word) if word in NUMBERS else 1
            found.append(CountClaim(described(match["name"]), count))
    found += [
        RelationClaim(described(match["first"]), _RELATIONS[match["where"]], described(match["second"]))
        for match in _RELATED.finditer(text)
    ]
    return tuple(found)


def fulfils(objects: Sequence[SceneObject], request: str) -> bool:
    """Whether objects are what a request lists: everything that it says holds and nothing else is there."""
    numbers = [match["number"] for match in _PHRASE.finditer(request.lower())]
    wanted = sum(NUMBERS.index(word) if word in NUMBERS else 1 for word in numbers if word and word != "the")
    return len(objects) == wanted and all(claim.holds(objects) for claim in claims(request))
