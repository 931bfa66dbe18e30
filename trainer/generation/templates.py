"""What is known of a response before a model begins: its structure, and which ids may stand where."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from omniforge.tokenizers.pictures import resize_and_crop
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.sampler.allowed import Allowed, allow
from omniforge.trainer.sampler.inpaint import blank, inpaint

_LIGHT = 127


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A response to be filled in.

    Attributes:
        ids: (response,) int64, the mask id where a token is wanted.
        allowed: What may stand where it is wanted.
    """

    ids: Tensor
    allowed: Allowed


def picture_template(codecs: Codecs) -> Template:
    """A picture: its tags and the end of the turn are given, every code is wanted."""
    return _picture(blank(codecs.grid**2, codecs.vocabulary.mask), codecs)


def repaint_template(picture: Image.Image, cover: Image.Image, codecs: Codecs) -> Template:
    """A picture whose codes stay, except those of the squares that `cover` touches.

    Raises:
        ValueError: The cover is dark throughout.
    """
    codes = codecs.vocabulary.image_ids(codecs.picture_codes(picture, codecs.generation)).astype(np.int64)
    renew = covered_squares(cover, codecs.generation, codecs.image.downsampling)
    return _picture(inpaint(torch.from_numpy(codes), torch.from_numpy(renew), codecs.vocabulary.mask), codecs)


def covered_squares(cover: Image.Image, resolution: int, side: int) -> NDArray[np.bool_]:
    """Return bool [squares], in raster order: in which squares of `side` pixels a cover is light anywhere.

    The cover is resized and cropped as the picture is.
    """
    levels = np.asarray(resize_and_crop(cover, resolution).convert("L"))
    count = resolution // side
    squares = levels.reshape(count, side, count, side).max(axis=(1, 3))
    covered: NDArray[np.bool_] = (squares > _LIGHT).reshape(-1)
    return covered


def text_template(tokens: int, codecs: Codecs) -> Template:
    """Words that end where the model ends them."""
    return _template(blank(tokens, codecs.vocabulary.mask), [_words(codecs, closing=True)], [tokens], codecs)


def speech_template(tokens: int, codecs: Codecs) -> Template:
    """Speech: the tag that begins it is given, the model ends it."""
    return spoken_template(max(tokens, 2), 0, codecs)


def spoken_template(tokens: int, place: int, codecs: Codecs) -> Template:
    """Words, then at `place` the tag that begins speech, then speech that the model ends."""
    vocabulary = codecs.vocabulary
    ids = blank(tokens, vocabulary.mask)
    ids[place] = vocabulary.begin_of_audio
    closing = [vocabulary.end_of_audio, vocabulary.im_end, vocabulary.pad, *codecs.text.encode("\n")]
    sounds = torch.cat((torch.tensor(vocabulary.speech), torch.tensor(closing)))
    return _template(ids, [_words(codecs, closing=False), sounds], [place, tokens - place], codecs)


def _picture(codes: Tensor, codecs: Codecs) -> Template:
    vocabulary = codecs.vocabulary
    close = [vocabulary.end_of_image, vocabulary.im_end, *codecs.text.encode("\n")]
    ids = torch.cat((torch.tensor([vocabulary.begin_of_image]), codes, torch.tensor(close)))
    return _template(ids, [torch.tensor(vocabulary.image)], [len(ids)], codecs)


def _words(codecs: Codecs, *, closing: bool) -> Tensor:
    ends = [codecs.vocabulary.im_end, codecs.vocabulary.pad] if closing else []
    return torch.tensor([*range(codecs.text.size), *ends])


def _template(ids: Tensor, choices: Sequence[Tensor], counts: Sequence[int], codecs: Codecs) -> Template:
    of_position = torch.repeat_interleave(torch.tensor(counts))
    return Template(ids=ids, allowed=allow(codecs.vocabulary.size, choices, of_position))
