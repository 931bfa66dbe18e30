"""One id space for text, control tokens, speech codes and picture codes, built from one description."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

BASE_SPECIALS: tuple[str, ...] = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|object_ref_start|>",
    "<|object_ref_end|>",
    "<|box_start|>",
    "<|box_end|>",
    "<|quad_start|>",
    "<|quad_end|>",
    "<|vision_start|>",
    "<|vision_end|>",
    "<|vision_pad|>",
    "<|image_pad|>",
    "<|video_pad|>",
    "<tool_call>",
    "</tool_call>",
    "<|fim_prefix|>",
    "<|fim_middle|>",
    "<|fim_suffix|>",
    "<|fim_pad|>",
    "<|repo_name|>",
    "<|file_sep|>",
    "<|beginoftext|>",
    "<|mask|>",
)
"""Control tokens of Dream's own tokenizer, in id order."""

MODALITY_SPECIALS: tuple[str, ...] = (
    "<|begin_of_image|>",
    "<|end_of_image|>",
    "<|context_of_image|>",
    "<|begin_of_video|>",
    "<|end_of_video|>",
    "<|context_of_video|>",
    "<|begin_of_patch|>",
    "<|end_of_patch|>",
    "<|context_of_patch|>",
    "<|begin_of_quad|>",
    "<|end_of_quad|>",
    "<|begin_of_ref|>",
    "<|end_of_ref|>",
    "<|begin_of_box|>",
    "<|end_of_box|>",
    "<|image|>",
    "<|video|>",
    "<|begin_of_audio|>",
    "<|end_of_audio|>",
    "<|context_of_audio|>",
    "<|audio|>",
)
"""Control tokens that Omni-Diffusion adds: first those of its image tokenizer, then those of its speech tokenizer."""

IMAGE_TAG = "<|image|>"
AUDIO_TAG = "<|audio|>"

_NEEDED = (
    "<|endoftext|>",
    "<|im_start|>",
    "<|im_end|>",
    "<|mask|>",
    "<|begin_of_image|>",
    "<|end_of_image|>",
    "<|begin_of_audio|>",
    "<|end_of_audio|>",
    "<|context_of_audio|>",
    IMAGE_TAG,
    AUDIO_TAG,
)
_CONTROL = re.compile(
    "|".join(re.escape(token) for token in (*BASE_SPECIALS, *MODALITY_SPECIALS)) + r"|<\|(?:audio|image)_\d+\|>"
)


def control_tokens(text: str) -> tuple[str, ...]:
    """Return the control tokens spelled out in `text`, in order: specials, media tags, and codes such as `<|image_17|>`."""
    return tuple(match.group() for match in _CONTROL.finditer(text))


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyLayout:
    """The description an id space is built from; ids follow the order of the fields.

    `text_size` counts the ordinary ids of the text tokenizer, its control tokens excluded. See SPEC.md section 1.

    Raises:
        ValueError: A size is not positive, a control token is given twice, or one that sequences are built from is absent.
    """

    text_size: int
    base_specials: tuple[str, ...] = BASE_SPECIALS
    modality_specials: tuple[str, ...] = MODALITY_SPECIALS
    speech_codes: int
    image_codes: int

    def __post_init__(self) -> None:
        for name in ("text_size", "speech_codes", "image_codes"):
            if getattr(self, name) < 1:
                raise ValueError(f"vocabulary layout: {name} is {getattr(self, name)}; it has to be at least 1.")
        specials = (*self.base_specials, *self.modality_specials)
        repeated = sorted({token for token in specials if specials.count(token) > 1})
        if repeated:
            raise ValueError(f"vocabulary layout: {', '.join(repeated)} given more than once; list each control token once.")
        absent = [token for token in _NEEDED if token not in specials]
        if absent:
            raise ValueError(f"vocabulary layout: {', '.join(absent)} absent; sequences are built from them, so add them.")


PRODUCTION = VocabularyLayout(text_size=151_643, speech_codes=16_384, image_codes=8_192)
"""Omni-Diffusion's published id space: 176,264 ids (SPEC.md section 1, vocabulary.json)."""


@dataclass(frozen=True)
class Vocabulary:
    """Ids of a layout: text, base specials, modality specials, speech codes, image codes, one after the other."""

    layout: VocabularyLayout

    @cached_property
    def special_ids(self) -> Mapping[str, int]:
        """Id of every control token by its spelling."""
        tokens = (*self.layout.base_specials, *self.layout.modality_specials)
        return {token: self.layout.text_size + index for index, token in enumerate(tokens)}

    @cached_property
    def text(self) -> range:
        """Ids of ordinary text."""
        return range(self.layout.text_size)

    @cached_property
    def specials(self) -> range:
        """Ids of control tokens, base and modality."""
        return range(self.text.stop, self.text.stop + len(self.layout.base_specials) + len(self.layout.modality_specials))

    @cached_property
    def speech(self) -> range:
        """Ids of speech codes."""
        return range(self.specials.stop, self.specials.stop + self.layout.speech_codes)

    @cached_property
    def image(self) -> range:
        """Ids of picture codes."""
        return range(self.speech.stop, self.speech.stop + self.layout.image_codes)

    @cached_property
    def size(self) -> int:
        """Number of ids, none unused: the rows of the embedding."""
        return self.image.stop

    @cached_property
    def fingerprint(self) -> str:
        """`sha256:<16 hex>` over the layout; equal layouts have equal fingerprints."""
        return f"sha256:{hashlib.sha256(json.dumps(asdict(self.layout), sort_keys=True).encode()).hexdigest()[:16]}"

    @property
    def pad(self) -> int:
        """`<|endoftext|>`: pads a sequence and is its end of sequence."""
        return self.special_ids["<|endoftext|>"]

    @property
    def mask(self) -> int:
        """`<|mask|>`: a position the model has still to fill."""
        return self.special_ids["<|mask|>"]

    @property
    def im_start(self) -> int:
        """`<|im_start|>`: opens a turn."""
        return self.special_ids["<|im_start|>"]

    @property
    def im_end(self) -> int:
        """`<|im_end|>`: closes a turn."""
        return self.special_ids["<|im_end|>"]

    @property
    def begin_of_image(self) -> int:
        """`<|begin_of_image|>`: before picture codes."""
        return self.special_ids["<|begin_of_image|>"]

    @property
    def end_of_image(self) -> int:
        """`<|end_of_image|>`: after picture codes."""
        return self.special_ids["<|end_of_image|>"]

    @property
    def begin_of_audio(self) -> int:
        """`<|begin_of_audio|>`: before speech codes or continuous speech."""
        return self.special_ids["<|begin_of_audio|>"]

    @property
    def end_of_audio(self) -> int:
        """`<|end_of_audio|>`: after speech codes or continuous speech."""
        return self.special_ids["<|end_of_audio|>"]

    @property
    def context_of_audio(self) -> int:
        """`<|context_of_audio|>`: a position whose embedding the speech encoder gives."""
        return self.special_ids["<|context_of_audio|>"]

    def speech_id(self, code: int) -> int:
        """Return the id of one speech code."""
        return int(self.speech_ids(code))

    def image_id(self, code: int) -> int:
        """Return the id of one picture code."""
        return int(self.image_ids(code))

    def speech_ids(self, codes: ArrayLike) -> NDArray[np.uint32]:
        """Return the ids (uint32, same shape) of speech codes; `ValueError` if one is out of range."""
        return _shifted(codes, 0, self.speech.start, len(self.speech), "speech codes")

    def image_ids(self, codes: ArrayLike) -> NDArray[np.uint32]:
        """Return the ids (uint32, same shape) of picture codes; `ValueError` if one is out of range."""
        return _shifted(codes, 0, self.image.start, len(self.image), "image codes")

    def speech_codes(self, ids: ArrayLike) -> NDArray[np.uint32]:
        """Return the speech codes (uint32, same shape) of ids; `ValueError` if one is no speech id."""
        return _shifted(ids, self.speech.start, 0, len(self.speech), "speech ids")

    def image_codes(self, ids: ArrayLike) -> NDArray[np.uint32]:
        """Return the picture codes (uint32, same shape) of ids; `ValueError` if one is no picture id."""
        return _shifted(ids, self.image.start, 0, len(self.image), "image ids")


def _shifted(values: ArrayLike, start: int, target: int, count: int, what: str) -> NDArray[np.uint32]:
    """Move `values` from `start..start+count-1` to `target..`; `what` names them in the message."""
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ValueError(f"{what}: dtype is {array.dtype}; integers are needed.")
    array = array.astype(np.int64)
    if array.size and (array.min() < start or array.max() >= start + count):
        raise ValueError(
            f"{what}: values {array.min()}..{array.max()} leave {start}..{start + count - 1} of this vocabulary; "
            "use the tokenizer that belongs to it."
        )
    return (array - start + target).astype(np.uint32)
