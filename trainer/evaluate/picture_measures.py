"""How far the objects of a picture are those that were asked for."""

from collections.abc import Sequence

import numpy as np
from scipy.optimize import linear_sum_assignment

from omniforge.pipeline.sources.scenes import Scene, SceneObject, relation
from omniforge.pipeline.sources.scenes_claims import CountClaim, RelationClaim, claims, fulfils
from omniforge.pipeline.sources.scenes_words import Description
from omniforge.trainer.evaluate.scores import Share

ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "colour": ("colour",),
    "shape": ("shape",),
    "size": ("size",),
    "colour+shape": ("colour", "shape"),
}
"""Measures of a picture, and what of a thing they look at."""


def wanted_things(request: str) -> tuple[Description, ...]:
    """List the things that a request for a picture asks for, each as often as it is wanted."""
    counted = [claim for claim in claims(request) if isinstance(claim, CountClaim)]
    return tuple(claim.description for claim in counted for _ in range(claim.count))


def things_right(wanted: Sequence[Description], seen: Sequence[SceneObject], attributes: Sequence[str]) -> int:
    """Return how many wanted things can each be given an object of their own that agrees in all that is told of `attributes`.

    What is not told agrees with anything. Of all ways to give them, the best counts.
    """
    if not wanted or not seen:
        return 0
    agrees = np.array([[_agrees(thing, item, attributes) for item in seen] for thing in wanted], dtype=np.int64)
    rows, columns = linear_sum_assignment(agrees, maximize=True)
    return int(agrees[rows, columns].sum())


def _agrees(thing: Description, item: SceneObject, attributes: Sequence[str]) -> bool:
    return all(getattr(thing, name) in (None, getattr(item, name)) for name in attributes)


def arrangement_measures(
    wanted: Sequence[Description], relations: Sequence[RelationClaim], seen: Sequence[SceneObject]
) -> dict[str, Share]:
    """Measure objects against what is wanted, each measure only where the request tells something of it.

    `colour`, `shape`, `size` and `colour+shape` are of the picture: as many objects as wanted, and every wanted thing has one
    of its own that agrees. `count` is the number alone. `relation` is whether all named relations hold. `colour of things` and
    so on are of the single things: how many of them are there, whatever else is.
    """
    measures: dict[str, Share] = {"count": (float(len(seen) == len(wanted)), 1.0)}
    for name, attributes in ATTRIBUTES.items():
        told = [thing for thing in wanted if all(getattr(thing, attribute) is not None for attribute in attributes)]
        if told:
            all_right = things_right(wanted, seen, attributes) == len(wanted) == len(seen)
            measures[name] = (float(all_right), 1.0)
            measures[f"{name} of things"] = (float(things_right(told, seen, attributes)), float(len(told)))
    if relations:
        measures["relation"] = (float(all(claim.holds(seen) for claim in relations)), 1.0)
    return measures


def request_measures(request: str, seen: Sequence[SceneObject]) -> dict[str, Share]:
    """Measure the objects of a picture against the request for it; `all` is `scenes_claims.fulfils`.

    Where in the picture a single thing is wanted, and on what background, is not looked at.
    """
    relations = [claim for claim in claims(request) if isinstance(claim, RelationClaim)]
    measures = arrangement_measures(wanted_things(request), relations, seen)
    return {**measures, "all": (float(fulfils(seen, request)), 1.0)}


def scene_measures(scene: Scene, seen: Sequence[SceneObject]) -> dict[str, Share]:
    """Measure the objects found in a picture of a scene against the scene itself, every attribute and every relation of it."""
    told = {item: Description(item.shape, item.colour, item.size) for item in scene.objects}
    pairs = [(one, other) for one in scene.objects for other in scene.objects if one is not other]
    relations = [
        RelationClaim(told[one], where, told[other]) for one, other in pairs if (where := relation(one, other)) is not None
    ]
    things = list(told.values())
    measures = arrangement_measures(things, relations, seen)
    whole = things_right(things, seen, ("colour", "shape", "size")) == len(things) == len(seen)
    related = measures.get("relation", (1.0, 1.0))[0] == 1.0
    return {**measures, "all": (float(whole and related), 1.0)}
