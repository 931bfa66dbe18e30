"""What lies where in a picture and which words mean it, as a record tells it, and which codes of the picture show it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from omniforge.schemas.record import Mention, Region

_CODE_SIDE = 16
"""Pixels of the side of what a code stands for."""


def written_regions(regions: Sequence[Region]) -> str:
    """Write regions as the column `regions` has them: `small red star @ 0.1 0.2 0.3 0.4; large blue ring @ ...`."""
    return "; ".join(f"{region.words} @ {' '.join(map(_written, region.box))}" for region in regions)


def _written(edge: float) -> str:
    """Write a fraction with four digits at most, never with an exponent."""
    return f"{edge:.4f}".rstrip("0").rstrip(".")


def read_regions(text: str) -> tuple[Region, ...]:
    """Read what `written_regions` wrote; the column's contract (`schemas.index`) lets nothing else in."""
    regions = []
    for part in text.split("; "):
        words, _, numbers = part.rpartition(" @ ")
        left, top, right, bottom = (float(number) for number in numbers.split())
        regions.append(Region(words, (left, top, right, bottom)))
    return tuple(regions)


def written_mentions(mentions: Sequence[Mention]) -> str:
    """Write mentions as the column `mentions` has them: `big stars = large star + red; objects = + two`."""
    return "; ".join(" ".join((one.phrase, "=", *one.told, "+", *one.found)) for one in mentions)


def read_mentions(text: str) -> tuple[Mention, ...]:
    """Read what `written_mentions` wrote; the column's contract lets nothing else in."""
    mentions = []
    for part in text.split("; "):
        phrase, _, words = part.partition(" =")
        told, _, found = words.partition(" +")
        mentions.append(Mention(phrase, tuple(told.split()), tuple(found.split())))
    return tuple(mentions)


@dataclass(frozen=True, slots=True)
class ShownCode:
    """Code `index` of a picture, in raster order, and the words of what it shows."""

    index: int
    words: tuple[str, ...]


def shown_codes(regions: Sequence[Region], width: int, height: int, resolution: int) -> tuple[ShownCode, ...]:
    """Say which codes of a picture show a region, ascending.

    A code shows the region whose box its centre lies in, the smallest of several; a box that lies between the centres is shown
    by the code that its own centre lies in. What `tokenizers.pictures.resize_and_crop` cuts off is shown by none.

    Args:
        regions: Words and boxes.
        width: Of the picture as it was, in pixels.
        height: Of the same.
        resolution: Side in pixels of the square that is tokenized.
    """
    side, short = resolution // _CODE_SIDE, min(width, height)
    shown: dict[int, tuple[str, ...]] = {}
    for region in sorted(regions, key=_area, reverse=True):
        words = tuple(re.findall(r"\w+", region.words))
        left, right = (_in_square(edge, width, short) * side for edge in region.box[::2])
        top, bottom = (_in_square(edge, height, short) * side for edge in region.box[1::2])
        columns, rows = _inside(left, right, side), _inside(top, bottom, side)
        shown |= {row * side + column: words for row in rows for column in columns}
    return tuple(ShownCode(index, words) for index, words in sorted(shown.items()))


def _area(region: Region) -> float:
    left, top, right, bottom = region.box
    return (right - left) * (bottom - top)


def _in_square(edge: float, length: int, short: int) -> float:
    """Turn a fraction of a picture's side into one of the square in its middle."""
    return (edge * length - (length - short) / 2) / short


def _inside(low: float, high: float, side: int) -> list[int]:
    """Return the codes of a row or column whose centres lie between two edges, or else the one between them."""
    found = [code for code in range(side) if low <= code + 0.5 <= high]
    middle = (low + high) / 2
    return found or ([int(middle)] if 0 <= middle < side else [])
