"""What the outline of each shape looks like at every size and sharpness, to be compared with a spot in a picture."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from omniforge.pipeline.sources.scenes import RADII, SHAPES, Shape
from omniforge.pipeline.sources.scenes_drawing import OVERSAMPLING, shape_mask

SIDE = 128
"""Side in pixels of the pictures in which outlines are looked for."""

PATCH = 72
"""Side in pixels of the patch around one spot: the largest shape with room for a blur."""

STRETCHES: tuple[float, ...] = (0.8, 0.9, 1.0, 1.11)
"""Radii tried, as multiples of the three exact ones, because a generated shape is only roughly of its size."""

BLURS: tuple[float, ...] = (0.3, 1.0, 1.8, 2.6)
"""Standard deviations, in pixels, of the blurs tried."""


@dataclass(frozen=True, slots=True)
class Outlines:
    """All outlines tried, each centred on its own centre of mass.

    `coverage` (outlines, PATCH * PATCH) is 0 outside and 1 inside; `unit` the same with every row of length 1. `offsets`
    (outlines, 2) leads from the centre of mass to the centre of the bounding box, (x, y) in pixels.
    """

    shapes: tuple[Shape, ...]
    radii: tuple[float, ...]
    offsets: NDArray[np.float32]
    coverage: NDArray[np.float32]
    unit: NDArray[np.float32]


@lru_cache(maxsize=1)
def outlines() -> Outlines:
    """Draw every shape at every radius and blur tried, once per process."""
    shapes: list[Shape] = []
    radii: list[float] = []
    offsets: list[tuple[float, float]] = []
    patches: list[NDArray[np.float32]] = []
    for shape in SHAPES:
        for radius in sorted(stretch * exact for stretch in STRETCHES for exact in RADII.values()):
            sharp, offset = _centred(shape, radius)
            for blur in BLURS:
                shapes.append(shape)
                radii.append(radius)
                offsets.append(offset)
                patches.append(ndimage.gaussian_filter(sharp, blur).ravel())
    coverage = np.stack(patches)
    unit = coverage / np.linalg.norm(coverage, axis=1, keepdims=True)
    return Outlines(tuple(shapes), tuple(radii), np.array(offsets, dtype=np.float32), coverage, unit)


def _centred(shape: Shape, radius: float) -> tuple[NDArray[np.float32], tuple[float, float]]:
    """Draw a shape with its centre of mass in the middle of the patch; also tell where its bounding box is centred."""
    side = PATCH * OVERSAMPLING
    drawn = shape_mask(shape, (side / 2, side / 2), radius * SIDE * OVERSAMPLING, side).reduce(OVERSAMPLING)
    patch = np.asarray(drawn, dtype=np.float32) / 255
    y, x = ndimage.center_of_mass(patch)
    middle = (PATCH - 1) / 2
    moved: NDArray[np.float32] = ndimage.shift(patch, (middle - y, middle - x), order=1)
    return moved, (middle - x, middle - y)
