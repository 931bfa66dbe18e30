"""Shapes and backgrounds of the embedded scenes as pixels, drawn larger and averaged down for smooth edges."""

import math

from PIL import Image, ImageDraw

RGB = tuple[int, int, int]

OVERSAMPLING = 4
"""Side of the square of subpixels that are averaged to one pixel."""

POLYGONS: dict[str, tuple[tuple[float, float], ...]] = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "triangle": ((0.0, -0.9), (1.0, 0.9), (-1.0, 0.9)),
    "diamond": ((0.0, -1.0), (0.68, 0.0), (0.0, 1.0), (-0.68, 0.0)),
    "cross": (
        *((-0.32, -0.95), (0.32, -0.95), (0.32, -0.32), (0.95, -0.32), (0.95, 0.32), (0.32, 0.32)),
        *((0.32, 0.95), (-0.32, 0.95), (-0.32, 0.32), (-0.95, 0.32), (-0.95, -0.32), (-0.32, -0.32)),
    ),
}
"""Corners in units of the radius, the centre of the bounding box at the origin."""


def star_corners() -> list[tuple[float, float]]:
    """Corners of a star of five points, its bounding box centred on the origin."""
    turns = [(step * math.pi / 5, 1.0 if step % 2 == 0 else 0.42) for step in range(10)]
    return [(1.05 * reach * math.sin(angle), 0.095 - 1.05 * reach * math.cos(angle)) for angle, reach in turns]


def heart_corners() -> list[tuple[float, float]]:
    """Points along the outline of a heart, its bounding box centred on the origin."""
    corners = []
    for step in range(120):
        angle = step * math.pi / 60
        across = math.sin(angle) ** 3
        up = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle) - math.cos(4 * angle)
        corners.append((across, -(up + 2.53) / 15.2))
    return corners


def shape_mask(shape: str, centre: tuple[float, float], radius: float, side: int) -> Image.Image:
    """Draw a white shape on black: an `L` picture of `side` x `side`; centre and radius are in pixels."""
    mask = Image.new("L", (side, side), 0)
    pen = ImageDraw.Draw(mask)

    def disc(x: float, y: float, reach: float, fill: int) -> None:
        left, top = centre[0] + (x - reach) * radius, centre[1] + (y - reach) * radius
        pen.ellipse((left, top, left + 2 * reach * radius, top + 2 * reach * radius), fill=fill)

    if shape == "moon":
        disc(0.09, 0.0, 1.0, 255)
        disc(0.59, -0.18, 0.82, 0)
        return mask
    if shape in ("circle", "ring"):
        disc(0.0, 0.0, 1.0, 255)
        if shape == "ring":
            disc(0.0, 0.0, 0.58, 0)
        return mask
    corners = star_corners() if shape == "star" else heart_corners() if shape == "heart" else POLYGONS[shape]
    pen.polygon([(centre[0] + x * radius, centre[1] + y * radius) for x, y in corners], fill=255)
    return mask


def draw_shape(picture: Image.Image, shape: str, colour: RGB, centre: tuple[float, float], radius: float) -> None:
    """Paint a shape on an RGB picture in place; centre and radius are fractions of the picture's side."""
    side = picture.width
    reach = math.ceil(radius * side) + 2
    left, top = (math.floor(part * side) - reach for part in centre)
    inside = ((centre[0] * side - left) * OVERSAMPLING, (centre[1] * side - top) * OVERSAMPLING)
    mask = shape_mask(shape, inside, radius * side * OVERSAMPLING, 2 * reach * OVERSAMPLING)
    picture.paste(colour, (left, top), mask.reduce(OVERSAMPLING))


def shade_of(tint: RGB) -> RGB:
    """Darken a tint to the second colour of its patterns."""
    return round(0.93 * tint[0]), round(0.93 * tint[1]), round(0.93 * tint[2])


def draw_background(pattern: str, tint: RGB, side: int) -> Image.Image:
    """Draw a background of `side` x `side` pixels: the tint, with a pattern of a slightly darker shade of it."""
    dark, light = (Image.new("RGB", (side, side), colour) for colour in (shade_of(tint), tint))
    return Image.composite(dark, light, pattern_mask(pattern, side))


def pattern_mask(pattern: str, side: int) -> Image.Image:
    """Where a pattern is dark (255) and where it is light (0): an `L` picture of `side` x `side`."""
    if pattern == "gradient":
        return Image.linear_gradient("L").resize((side, side), Image.Resampling.BILINEAR)
    large = side * OVERSAMPLING
    mask = Image.new("L", (large, large), 0)
    pen = ImageDraw.Draw(mask)
    if pattern == "stripes":
        for stripe in range(0, 12, 2):
            pen.rectangle((0, large * stripe // 12, large, large * (stripe + 1) // 12 - 1), fill=255)
    elif pattern == "dots":
        for row in range(8):
            for column in range(8):
                x, y = large * (2 * column + 1) / 16, large * (2 * row + 1) / 16
                pen.ellipse((x - large / 40, y - large / 40, x + large / 40, y + large / 40), fill=255)
    elif pattern == "checks":
        for row in range(8):
            for column in range(row % 2, 8, 2):
                box = (large * column // 8, large * row // 8, large * (column + 1) // 8 - 1, large * (row + 1) // 8 - 1)
                pen.rectangle(box, fill=255)
    return mask.reduce(OVERSAMPLING)
