"""A judge of pictures of scenes by classical vision: which objects are there, without any learned model.

It never looks at a ground truth, so a picture that a model generated can be held against the words that asked for it.
"""

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from omniforge.pipeline.sources.scenes import COLOURS, RADII, TINTS, SceneObject, Size
from omniforge.pipeline.sources.scenes_drawing import shade_of
from omniforge.pipeline.sources.scenes_outlines import PATCH, SIDE, outlines

Mask = NDArray[np.bool_]
Pixels = NDArray[np.float32]

LEAST_AREA = 50
"""Pixels, in a picture of `SIDE`, of the smallest thing that counts; the smallest object of a scene has about 140."""

SECOND_COLOUR = 0.2
"""Share of a blob's pixels from which another colour makes it two touching objects."""

RIM = 3
"""Pixels around a blob that may be partly covered by it."""

_NAMES = tuple(COLOURS)
_PALETTE = np.array([*COLOURS.values(), *TINTS.values(), *(shade_of(tint) for tint in TINTS.values())], dtype=np.float32)
_EVERY_NEIGHBOUR = np.ones((3, 3), dtype=bool)


def see(image: Image.Image) -> tuple[SceneObject, ...]:
    """Find the objects of a picture: shape, colour, size and centre of each, from top to bottom.

    Works on pictures of any size; some blur, noise and small errors of colour do no harm. A blob that is no shape is named
    after the shape it resembles most, so that it is counted.
    """
    small = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    pixels = np.asarray(small, dtype=np.float32)
    nearest = _nearest(pixels, _PALETTE)
    background = nearest >= len(_NAMES)
    return tuple(_object(blob, pixels, background) for blob in _blobs(nearest))


def _nearest(pixels: Pixels, colours: Pixels) -> NDArray[np.intp]:
    """Index of the nearest colour for every pixel."""
    distances = np.square(colours).sum(1) - 2 * pixels @ colours.T
    indices: NDArray[np.intp] = distances.argmin(-1)
    return indices


def _blobs(nearest: NDArray[np.intp]) -> list[Mask]:
    """Separate the objects: connected pixels of object colours, parted where two colours touch."""
    labels, count = ndimage.label(nearest < len(_NAMES), structure=_EVERY_NEIGHBOUR)
    blobs: list[Mask] = []
    for label in range(1, count + 1):
        blob = labels == label
        area = int(blob.sum())
        if area < LEAST_AREA:
            continue
        shares = np.bincount(nearest[blob], minlength=len(_NAMES)) / area
        colours = np.flatnonzero(shares >= SECOND_COLOUR)
        parts = [part for colour in colours for part in _solid(blob & (nearest == colour))] if len(colours) > 1 else []
        blobs += parts if len(parts) > 1 else [blob]
    return blobs


def _solid(mask: Mask) -> list[Mask]:
    """List the connected parts of a mask that are more than the rim of something else."""
    labels, count = ndimage.label(mask, structure=_EVERY_NEIGHBOUR)
    parts = [labels == label for label in range(1, count + 1)]
    return [part for part in parts if part.sum() >= LEAST_AREA and _core(part).sum() >= LEAST_AREA / 3]


def _core(mask: Mask) -> Mask:
    """Leave out the rim, whose colours are mixed with the background's."""
    core: Mask = ndimage.binary_erosion(mask, structure=_EVERY_NEIGHBOUR)
    return core


def _object(blob: Mask, pixels: Pixels, background: Mask) -> SceneObject:
    """Name a blob after the outline that explains best how much of each pixel it covers.

    A pixel's coverage is how far its colour lies on the way from the background to the object. Blur keeps the centre of mass,
    so outlines are compared there. The colour comes from the outline found, which undoes the blur.
    """
    reach = ndimage.binary_dilation(blob, structure=_EVERY_NEIGHBOUR, iterations=RIM)
    around = ndimage.binary_dilation(reach, structure=_EVERY_NEIGHBOUR, iterations=2) & ~reach & background
    behind = np.median(pixels[around if around.any() else ~blob], axis=0)
    core = _core(blob)
    way = np.median(pixels[core if core.any() else blob], axis=0) - behind
    layers = np.concatenate((pixels - behind, ((pixels - behind) @ way / max(1.0, float(way @ way)))[:, :, None]), axis=2)
    layers[:, :, 3] = layers[:, :, 3].clip(0, 1.2)
    layers[~reach] = 0
    y, x = ndimage.center_of_mass(layers[:, :, 3])
    patch = _patch(layers, x, y)
    found = outlines()
    best = int((found.unit @ patch[:, 3]).argmax())
    outline = found.coverage[best]
    colour = behind + outline @ patch[:, :3] / float(outline @ outline)
    size: Size = min(RADII, key=lambda name: abs(float(np.log(RADII[name] / found.radii[best]))))
    centre = ((x + 0.5 + found.offsets[best, 0]) / SIDE, (y + 0.5 + found.offsets[best, 1]) / SIDE)
    return SceneObject(
        shape=found.shapes[best],
        colour=_NAMES[int(_nearest(colour.astype(np.float32), _PALETTE[: len(_NAMES)]))],
        size=size,
        centre=(round(float(centre[0]), 3), round(float(centre[1]), 3)),
    )


def _patch(layers: Pixels, x: float, y: float) -> Pixels:
    """Cut (PATCH * PATCH, layers) out of (height, width, layers) with its middle at (x, y), between pixels if need be."""
    half = PATCH // 2
    left, top = int(np.floor(x - half + 0.5)), int(np.floor(y - half + 0.5))
    right, down = np.float32(x - half + 0.5 - left), np.float32(y - half + 0.5 - top)
    padded = np.pad(layers, ((half, half + 1), (half, half + 1), (0, 0)))
    cut = padded[top + half : top + half + PATCH + 1, left + half : left + half + PATCH + 1]
    rows = (1 - down) * cut[:-1] + down * cut[1:]
    moved: Pixels = ((1 - right) * rows[:, :-1] + right * rows[:, 1:]).astype(np.float32)
    return moved.reshape(PATCH * PATCH, -1)
