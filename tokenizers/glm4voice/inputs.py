"""What is encoded and decoded, refused where it is neither sound nor codes."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def check_waveform(wave: NDArray[Any], name: str) -> None:
    """Raise ValueError unless it is mono float32, not empty and finite."""
    if wave.ndim != 1 or wave.dtype != np.float32 or not len(wave):
        raise ValueError(f"{name} is {wave.dtype} {wave.shape}: give mono float32 samples at 16 kHz, at least one.")
    if not np.isfinite(wave).all():
        raise ValueError(f"{name} has samples that are not finite: repair or refuse the recording.")


def check_codes(codes: NDArray[Any], codebook_size: int, name: str) -> None:
    """Raise ValueError unless it is a row, also an empty one, of integers in 0 .. codebook_size - 1."""
    if codes.ndim != 1 or not np.issubdtype(codes.dtype, np.integer):
        raise ValueError(f"{name} are {codes.dtype} {codes.shape}: give a row of integers.")
    if len(codes) and not 0 <= codes.min() <= codes.max() < codebook_size:
        raise ValueError(
            f"{name} span {codes.min()}..{codes.max()}, the codebook 0..{codebook_size - 1}: "
            "decode speech codes, not vocabulary ids."
        )
