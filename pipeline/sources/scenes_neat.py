"""Pictures as one draws them who was asked: what the request says, everything else plain, and things where there is room."""

from collections.abc import Mapping, Sequence

from omniforge.pipeline.sources.scenes import Background, Relation, Scene, SceneObject, Shape, Size, overlap
from omniforge.pipeline.sources.scenes_claims import CountClaim, RelationClaim, claims, fulfils
from omniforge.pipeline.sources.scenes_phrases import PLACES
from omniforge.pipeline.sources.scenes_words import Description

Centre = tuple[float, float]

LOW, MIDDLE, HIGH = 0.227, 0.5, 0.773
"""The middle of a picture's third, sixth and ninth of eleven columns, and rows: of 176 pixels the centres of codes, so that a
thing has the same codes wherever it lies."""

_LAYOUTS: Mapping[int, tuple[Centre, ...]] = {
    1: ((MIDDLE, MIDDLE),),
    2: ((LOW, MIDDLE), (HIGH, MIDDLE)),
    3: ((LOW, LOW), (HIGH, LOW), (MIDDLE, HIGH)),
    4: ((LOW, LOW), (HIGH, LOW), (LOW, HIGH), (HIGH, HIGH)),
    5: ((LOW, LOW), (HIGH, LOW), (MIDDLE, MIDDLE), (LOW, HIGH), (HIGH, HIGH)),
}
"""Where so many things lie, in the order in which they are named."""

_RELATED: Mapping[Relation, tuple[Centre, Centre]] = {
    "left of": ((LOW, MIDDLE), (HIGH, MIDDLE)),
    "right of": ((HIGH, MIDDLE), (LOW, MIDDLE)),
    "above": ((MIDDLE, LOW), (MIDDLE, HIGH)),
    "below": ((MIDDLE, HIGH), (MIDDLE, LOW)),
}

USUAL_COLOURS: Mapping[Shape, str] = {
    "circle": "blue",
    "square": "green",
    "triangle": "orange",
    "star": "yellow",
    "heart": "red",
    "ring": "turquoise",
    "cross": "black",
    "diamond": "pink",
    "moon": "purple",
}
"""The colour of a thing whose colour is not told."""


def neat_scene(request: str, scene: Scene) -> Scene:
    """Give the scene that is drawn when somebody asks for `scene` in the words of `request`.

    Things are those of the request, in the order in which it names them. What it does not say is always the same: a white
    ground, large things (five of them medium), of the usual colour of their shape. So whoever knows the request knows the
    picture, where one of `scene` itself has a ground, places and often sizes that nobody asked for and no model can guess.

    Two requests of a hundred get the things of `scene` itself: where five do not fit in there because several are large, and
    where what is usual would make a thing fit the words for another.
    """
    told = claims(request)
    wanted = [claim.description for claim in told if isinstance(claim, CountClaim) for _ in range(claim.count)]
    related = next((claim.where for claim in told if isinstance(claim, RelationClaim)), None)
    background = scene.background if "background" in request else Background("plain", "white")
    centres = _RELATED[related] if related else _place(request, len(wanted))
    size: Size = "large" if len(wanted) < 5 else "medium"
    objects = tuple(_thing(description, size, centre) for description, centre in zip(wanted, centres, strict=True))
    fits = not any(overlap(one, other) for number, one in enumerate(objects) for other in objects[:number])
    return Scene(objects if fits and fulfils(objects, request) else scene.objects, background)


def _place(request: str, count: int) -> Sequence[Centre]:
    """Say where so many things lie, one of them where the request says."""
    if count == 1:
        for row, names in zip((LOW, MIDDLE, HIGH), PLACES, strict=True):
            for column, name in zip((LOW, MIDDLE, HIGH), names, strict=True):
                if name in request:
                    return ((column, row),)
    return _LAYOUTS[count]


def _thing(told: Description, size: Size, centre: Centre) -> SceneObject:
    assert told.shape is not None, "requests tell the shape of everything they ask for"
    colour = told.colour or USUAL_COLOURS[told.shape]
    return SceneObject(shape=told.shape, colour=colour, size=told.size or size, centre=centre)
