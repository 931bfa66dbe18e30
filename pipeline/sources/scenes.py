"""The embedded world of coloured shapes: what a scene is, and one scene for every seed."""

from dataclasses import dataclass
from typing import Literal, get_args

from PIL import Image

from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.scenes_drawing import draw_background, draw_shape

Shape = Literal["circle", "square", "triangle", "star", "heart", "ring", "cross", "diamond", "moon"]
Size = Literal["small", "medium", "large"]
Relation = Literal["left of", "right of", "above", "below"]

SHAPES: tuple[Shape, ...] = get_args(Shape)
RELATIONS: tuple[Relation, ...] = get_args(Relation)

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 40),
    "orange": (250, 130, 20),
    "yellow": (250, 215, 20),
    "green": (40, 160, 60),
    "turquoise": (60, 205, 200),
    "blue": (35, 80, 215),
    "purple": (125, 45, 170),
    "pink": (250, 125, 185),
    "brown": (125, 75, 40),
    "black": (25, 25, 25),
}
"""RGB of every colour an object can have, far apart from each other and from every tint."""

TINTS: dict[str, tuple[int, int, int]] = {
    "white": (252, 252, 250),
    "cream": (250, 241, 218),
    "light gray": (222, 224, 228),
    "light blue": (212, 229, 248),
    "light green": (214, 238, 212),
    "lavender": (230, 221, 246),
}
"""RGB of every colour a background can have."""

PATTERNS: tuple[str, ...] = ("plain", "gradient", "stripes", "dots", "checks")

RADII: dict[Size, float] = {"small": 0.08, "medium": 0.12, "large": 0.18}
"""Half of the longer side of an object's bounding box, as a fraction of the picture's side."""

MOST_OBJECTS = 5
GAP = 0.045
"""Least distance between the bounding boxes of two objects, and half as much to the border, as a fraction of the side."""

DOMINANCE = 1.4
"""How many times the offset along one axis exceeds the offset along the other for every pair of objects."""

SCENES_VERSION = "1"
"""Raised when a seed would give another scene or another picture."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SceneObject:
    """One coloured shape; `centre` is (x, y) of its bounding box as fractions of the side, from the top left corner."""

    shape: Shape
    colour: str
    size: Size
    centre: tuple[float, float]

    @property
    def radius(self) -> float:
        """Half of the longer side of its bounding box, as a fraction of the picture's side."""
        return RADII[self.size]


@dataclass(frozen=True, slots=True)
class Background:
    """A pattern of `PATTERNS` in a tint of `TINTS`."""

    pattern: str
    tint: str


@dataclass(frozen=True, slots=True)
class Scene:
    """The exact truth about a picture: one to five objects that do not overlap, and what lies behind them."""

    objects: tuple[SceneObject, ...]
    background: Background


def relation(first: SceneObject, second: SceneObject) -> Relation | None:
    """Say where the first object lies as seen from the second, or None if no single direction clearly dominates."""
    right = first.centre[0] - second.centre[0]
    down = first.centre[1] - second.centre[1]
    if abs(right) >= DOMINANCE * abs(down) and right != 0:
        return "right of" if right > 0 else "left of"
    if abs(down) >= DOMINANCE * abs(right) and down != 0:
        return "below" if down > 0 else "above"
    return None


def overlap(first: SceneObject, second: SceneObject, gap: float = 0.0) -> bool:
    """Whether the bounding boxes of two objects come closer to each other than `gap`."""
    reach = first.radius + second.radius + gap
    return all(abs(a - b) < reach for a, b in zip(first.centre, second.centre, strict=True))


def sample_scene(seed: int) -> Scene:
    """Draw the scene of a seed: the same one on every machine, forever (within `SCENES_VERSION`).

    Every pair of objects keeps a gap and has exactly one clear relation, so that each question about it has one answer.
    """
    chance, background, count = _begin(seed)
    looks = _looks(chance, count)
    while True:
        objects = _arrange(chance, looks)
        if objects is not None:
            return Scene(objects, background)


def object_count(seed: int) -> int:
    """Count the objects in the scene of a seed without arranging them."""
    return _begin(seed)[2]


def _begin(seed: int) -> tuple[Chance, Background, int]:
    chance = Chance("scene", SCENES_VERSION, seed)
    background = Background(chance.pick(PATTERNS), chance.pick(tuple(TINTS)))
    return chance, background, 1 + chance.below(MOST_OBJECTS)


def _looks(chance: Chance, count: int) -> list[tuple[Shape, str]]:
    """Choose shape and colour of each object: all alike, a group and others, or all different."""
    kinds = chance.shuffled([(shape, colour) for shape in SHAPES for colour in COLOURS])
    mode = chance.below(4)
    if mode == 0:
        return [kinds[0]] * count
    if mode == 1:
        alike = 1 + chance.below(count)
        return [kinds[0]] * alike + kinds[1 : count - alike + 1]
    return kinds[:count]


def _arrange(chance: Chance, looks: list[tuple[Shape, str]]) -> tuple[SceneObject, ...] | None:
    """Give the objects sizes and places, or return None when they found no room."""
    placed: list[SceneObject] = []
    for shape, colour in looks:
        size = chance.pick(tuple(RADII))
        border = RADII[size] + GAP / 2
        for _ in range(60):
            centre = (round(chance.between(border, 1 - border), 3), round(chance.between(border, 1 - border), 3))
            candidate = SceneObject(shape=shape, colour=colour, size=size, centre=centre)
            if all(not overlap(candidate, other, GAP) and relation(candidate, other) for other in placed):
                placed.append(candidate)
                break
        else:
            return None
    return tuple(placed)


def draw(scene: Scene, size: int = 128) -> Image.Image:
    """Draw a scene as an RGB picture of `size` x `size` pixels with smooth edges."""
    tint = TINTS[scene.background.tint]
    picture = draw_background(scene.background.pattern, tint, size)
    for item in scene.objects:
        draw_shape(picture, item.shape, COLOURS[item.colour], item.centre, item.radius)
    return picture


def render(seed: int, size: int = 128) -> Image.Image:
    """Draw the scene of a seed as an RGB picture of `size` x `size` pixels."""
    return draw(sample_scene(seed), size)
