"""How a picture came about: what was decided when."""

from collections.abc import Sequence

import numpy as np
from PIL import Image

from omniforge.trainer.generation.responses import Response

UNDECIDED = 128
"""Grey level of squares whose code is still open."""


def unmasking_frames(response: Response, count: int) -> list[Image.Image]:
    """Return `count` pictures from before the first step to after the last, at equal distances.

    A code never changes once it is chosen, so a frame is the final picture with the open squares in grey.

    Raises:
        ValueError: The response is no picture, or fewer than two frames are asked for.
    """
    if response.picture is None or response.decided is None:
        raise ValueError("frames: the response holds no picture; frames are there for t2i, s2i and inpaint")
    if count < 2:
        raise ValueError(f"frames: {count} are asked for; a beginning and an end make at least 2")
    grid = int(np.sqrt(len(response.decided)))
    side = response.picture.width // grid
    whole = np.asarray(response.picture)
    decided = response.decided.reshape(grid, grid).repeat(side, axis=0).repeat(side, axis=1)
    after = np.linspace(0, response.steps, count).round().astype(int)
    return [Image.fromarray(np.where((decided < steps)[..., None], whole, np.uint8(UNDECIDED))) for steps in after]


def contact_strip(frames: Sequence[Image.Image], gap: int = 2) -> Image.Image:
    """Return pictures of one size side by side on white, `gap` pixels apart."""
    width, height = frames[0].size
    strip = Image.new("RGB", (len(frames) * (width + gap) - gap, height), "white")
    for number, frame in enumerate(frames):
        strip.paste(frame, (number * (width + gap), 0))
    return strip
