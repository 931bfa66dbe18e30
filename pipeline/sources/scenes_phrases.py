"""Phrases about a whole scene: its list of things, one thing as seen from another, its background."""

from collections import Counter
from collections.abc import Sequence

from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes import Background, Relation, Scene, SceneObject, relation
from omniforge.pipeline.sources.scenes_words import (
    RELATION_WORDS,
    Description,
    counted,
    matching,
    noun,
    reductions,
    with_article,
)

BACKGROUND_WORDS: dict[str, tuple[str, ...]] = {
    "plain": ("a plain {} background", "a {} background"),
    "gradient": ("a {} background that gets darker toward the bottom", "a {} gradient background"),
    "stripes": ("a striped {} background", "a {} background with stripes"),
    "dots": ("a dotted {} background", "a {} background with dots"),
    "checks": ("a checkered {} background", "a {} background with checks"),
}

PLACES: tuple[tuple[str, str, str], ...] = (
    ("in the top left corner", "at the top", "in the top right corner"),
    ("on the left side", "in the middle", "on the right side"),
    ("in the bottom left corner", "at the bottom", "in the bottom right corner"),
)
"""Names of the parts of a picture, row by row."""

Pair = tuple[Description, Relation, Description]
"""Two objects, each described as no other object can be, and where the first lies as seen from the second."""


def listed(phrases: Sequence[str]) -> str:
    """Join noun phrases with commas and "and"."""
    return phrases[0] if len(phrases) == 1 else f"{', '.join(phrases[:-1])} and {phrases[-1]}"


def unique_description(scene: Scene, item: SceneObject, chance: Chance) -> Description | None:
    """Choose a description with its shape that is true of this object alone; None if a twin makes that impossible."""
    unique = [told for told in reductions(item) if len(matching(scene.objects, told)) == 1]
    return chance.pick(unique) if unique else None


def background_phrase(background: Background, chance: Chance) -> str:
    """Name a background with its article: "a striped light blue background"."""
    phrase = chance.pick(BACKGROUND_WORDS[background.pattern])
    return phrase.replace("a {}", with_article(background.tint)).format(background.tint)


def place(item: SceneObject) -> str | None:
    """Name the part of the picture in which an object clearly lies, or None between two parts."""
    across, down = (0 if part < 0.36 else 2 if part > 0.64 else 1 if 0.4 <= part <= 0.6 else None for part in item.centre)
    if across is None or down is None:
        return None
    return PLACES[down][across]


def things(scene: Scene, detail: int, chance: Chance) -> tuple[str, bool]:
    """List everything in a scene in a random order; every number is exact. Also say if the first part is plural.

    `detail` 0 tells how many, 1 the shapes, 2 also the colours, 3 also the sizes.
    """
    told = [
        Description(item.shape if detail > 0 else None, item.colour if detail > 1 else None, item.size if detail > 2 else None)
        for item in scene.objects
    ]
    groups = chance.shuffled(list(Counter(told).items()))
    phrases = [counted(description, count, chance) for description, count in groups]
    return listed(phrases), groups[0][1] > 1


def related_pairs(scene: Scene, chance: Chance) -> list[Pair]:
    """List the ordered pairs of objects that can each be told from all others, in a random order."""
    pairs: list[Pair] = []
    for first in scene.objects:
        for second in scene.objects:
            where = relation(first, second) if first is not second else None
            names = unique_description(scene, first, chance), unique_description(scene, second, chance)
            if where and names[0] and names[1]:
                pairs.append((names[0], where, names[1]))
    return chance.shuffled(pairs)


def pair_words(pair: Pair, chance: Chance) -> tuple[str, str, str]:
    """Give the words for both objects, without articles, and for the direction between them."""
    first, where, second = pair
    return noun(first, chance), chance.pick(RELATION_WORDS[where]), noun(second, chance)


def pair_phrase(pair: Pair, chance: Chance) -> str:
    """Name two objects and their relation: "a red circle above a blue star"."""
    first, where, second = pair_words(pair, chance)
    return f"{with_article(first)} {where} {with_article(second)}"


def pair_clause(pair: Pair, chance: Chance) -> str:
    """State the relation of two objects: "the red circle is above the blue star"."""
    first, where, second = pair_words(pair, chance)
    return f"the {first} is {where} the {second}"
