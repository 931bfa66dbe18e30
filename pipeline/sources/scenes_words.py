"""How the objects of a scene are named in English: descriptions, noun phrases and directions."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes import COLOURS, SHAPES, Relation, SceneObject, Shape, Size

NUMBERS: tuple[str, ...] = ("zero", "one", "two", "three", "four", "five")

SIZE_WORDS: dict[Size, tuple[str, ...]] = {
    "small": ("small", "small", "little"),
    "medium": ("medium", "medium-sized"),
    "large": ("large", "large", "big"),
}

RELATION_WORDS: dict[Relation, tuple[str, ...]] = {
    "left of": ("to the left of", "left of", "on the left of"),
    "right of": ("to the right of", "right of", "on the right of"),
    "above": ("above", "over"),
    "below": ("below", "under", "beneath"),
}

DIRECTIONS: dict[Relation, str] = {"left of": "left", "right of": "right", "above": "above", "below": "below"}
"""The one-word answer to "where is it"."""

_MIDDLE = (0.37, 0.63)
"""Part of a picture's side that is to neither side of it."""

OPPOSITES: dict[Relation, Relation] = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

ANYTHING: tuple[str, ...] = ("shape", "object")
"""Nouns for an object whose shape is not told."""

THING: tuple[str, ...] = ("object", "thing")
"""Nouns for an object whose shape is asked for."""


@dataclass(frozen=True, slots=True)
class Description:
    """What is told of an object; None is not told."""

    shape: Shape | None = None
    colour: str | None = None
    size: Size | None = None

    def matches(self, item: SceneObject) -> bool:
        """Whether everything that is told is true of the object."""
        told = ((self.shape, item.shape), (self.colour, item.colour), (self.size, item.size))
        return all(said is None or said == true for said, true in told)


def matching(objects: Sequence[SceneObject], description: Description) -> list[SceneObject]:
    """List the objects of which a description is true."""
    return [item for item in objects if description.matches(item)]


def sides(item: SceneObject) -> tuple[str, ...]:
    """Say towards which sides of the picture an object lies, in words of `DIRECTIONS`; none in its middle."""
    towards = zip(item.centre, (("left", "right"), ("above", "below")), strict=True)
    return tuple(words[part > _MIDDLE[1]] for part, words in towards if not _MIDDLE[0] <= part <= _MIDDLE[1])


def reductions(item: SceneObject) -> list[Description]:
    """List the descriptions of an object that tell its shape, from the shortest to the longest."""
    return [
        Description(item.shape),
        Description(item.shape, item.colour),
        Description(item.shape, size=item.size),
        Description(item.shape, item.colour, item.size),
    ]


def noun(description: Description, chance: Chance, plural: bool = False, anything: Sequence[str] = ANYTHING) -> str:
    """Name what is described, without an article: "small red circle"; `anything` are nouns for an untold shape."""
    size = chance.pick(SIZE_WORDS[description.size]) if description.size else ""
    head: str = description.shape or chance.pick(anything)
    if plural:
        head = plural_of(head)
    return " ".join(word for word in (size, description.colour, head) if word)


def plural_of(head: str) -> str:
    """Give the plural of a noun for objects."""
    return f"{head}es" if head.endswith("s") else f"{head}s"


_MEANING: dict[str, str] = {
    **{word: size for size, words in SIZE_WORDS.items() for word in words},
    **{colour: colour for colour in COLOURS},
    **{word: shape for shape in SHAPES for word in (shape, plural_of(shape))},
}


def looks_named(text: str) -> frozenset[str]:
    """Return the shapes, colours and sizes that a text names, each by its answer: "Two big stars." as star and large."""
    return frozenset(_MEANING[word] for word in re.findall(r"[a-z-]+", text.lower()) if word in _MEANING)


def with_article(name: str) -> str:
    """Put "a" or "an" before a noun phrase."""
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"


def counted(description: Description, count: int, chance: Chance) -> str:
    """Name a number of described objects: "a red star", "three small circles"."""
    name = noun(description, chance, plural=count != 1)
    if count == 1 and chance.happens(0.85):
        return with_article(name)
    return f"{NUMBERS[count]} {name}"


def sentence(text: str, end: str = ".") -> str:
    """Give a phrase its capital letter and its end mark."""
    return text[0].upper() + text[1:] + end
