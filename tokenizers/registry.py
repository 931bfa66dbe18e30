"""Tokenizers by name: those of this package and those that other packages add."""

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, overload

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from omniforge.tokenizers.sensevoice.model import SenseVoice
    from omniforge.tokenizers.text import TextTokenizer

ENTRY_POINT_GROUP = "omniforge.tokenizers"
"""Entry points of this group add tokenizers: each names a callable that takes a source and returns a tokenizer."""

_BUILT_IN = {
    "glm4voice": ("omniforge.tokenizers.glm4voice.tokenizer", "SpeechTokenizer.load"),
    "magvit2": ("omniforge.tokenizers.magvit2.tokenizer", "ImageTokenizer.load"),
    "sensevoice": ("omniforge.tokenizers.sensevoice.model", "SenseVoice.load"),
    "text": ("omniforge.tokenizers.text", "load_text_tokenizer"),
}


class ImageTokenizer(Protocol):
    """Pictures to codes and back."""

    @property
    def fingerprint(self) -> str:
        """`sha256:<16 hex>`; equal fingerprints give equal codes."""

    @property
    def codebook_size(self) -> int:
        """Codes are below this."""

    @property
    def codebook(self) -> "Tensor":
        """Vectors of the codes, float32 [codebook_size, width]; codes alike have vectors near each other."""

    @property
    def downsampling(self) -> int:
        """Pixels along one side of the square that a code stands for."""

    def encode(self, pixels: "Tensor") -> "Tensor":
        """Map float32 [B, 3, H, W] in [-1, 1] to int64 [B, N] in raster order, N = H * W / downsampling**2."""

    def decode(self, codes: "Tensor", shape: tuple[int, int]) -> "Tensor":
        """Map int64 [B, N] to float32 [B, 3, H, W] in [-1, 1]; `shape` is that of the codes, rows by columns."""


class SpeechTokenizer(Protocol):
    """Recordings to codes and back."""

    @property
    def fingerprint(self) -> str:
        """`sha256:<16 hex>`; equal fingerprints give equal codes."""

    @property
    def codebook_size(self) -> int:
        """Codes are below this."""

    @property
    def codebook(self) -> "Tensor":
        """Vectors of the codes, float32 [codebook_size, width]; codes alike have vectors near each other."""

    @property
    def codes_per_second(self) -> float:
        """Codes of one second of sound."""

    @property
    def output_rate(self) -> int:
        """Samples a second of what `decode` returns."""

    def encode(self, waveforms: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
        """Map mono 16 kHz recordings in [-1, 1] to their codes."""

    def decode(self, codes: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float32]]:
        """Map codes to mono recordings in [-1, 1] at `output_rate`."""


@overload
def load(name: Literal["magvit2"], source: str | Path = ...) -> ImageTokenizer: ...
@overload
def load(name: Literal["glm4voice"], source: str | Path = ...) -> SpeechTokenizer: ...
@overload
def load(name: Literal["sensevoice"], source: str | Path = ...) -> "SenseVoice": ...
@overload
def load(name: Literal["text"], source: str | Path = ...) -> "TextTokenizer": ...
@overload
def load(name: str, source: str | Path = ...) -> Any: ...
def load(name: str, source: str | Path = "embedded") -> Any:
    """Load a tokenizer; nothing but its own module is imported for it.

    Args:
        name: `magvit2`, `glm4voice`, `sensevoice`, `text`, or one that an entry point of `omniforge.tokenizers` adds. Names of
            this package cannot be taken by others.
        source: `embedded`, or a file or folder with weights, as the tokenizer's own `load` says.

    Raises:
        ValueError: The name is unknown, or the source is not what that tokenizer loads.
    """
    if name in _BUILT_IN:
        module, path = _BUILT_IN[name]
        loader: Callable[[str | Path], Any] = EntryPoint(name, f"{module}:{path}", ENTRY_POINT_GROUP).load()
        return loader(source)
    added = {entry.name: entry for entry in entry_points(group=ENTRY_POINT_GROUP)}
    if name not in added:
        known = sorted({*_BUILT_IN, *added})
        nearest = get_close_matches(name, known, n=1, cutoff=0.0)[0]
        raise ValueError(f"tokenizer {name!r} is unknown; did you mean {nearest!r}? Known are {', '.join(known)}.")
    return added[name].load()(source)
