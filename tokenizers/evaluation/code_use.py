"""How much of a codebook is in use."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeUse:
    """Use of a codebook by some codes.

    Attributes:
        codes: Number of codes counted.
        different: Number of different ones.
        codebook: Number of codes there are.
        bits: Entropy of a code's distribution, in bits; at most the logarithm of `codebook` and of `codes`.
        perplexity: 2 to the power of `bits`: as many codes, used equally often, would tell as much.
    """

    codes: int
    different: int
    codebook: int
    bits: float
    perplexity: float


def code_use(rows: Iterable[NDArray[np.int64]], codebook: int) -> CodeUse:
    """Count codes, given in any number of arrays of any shape.

    Raises:
        ValueError: There is no code, or one is outside the codebook.
    """
    arrays = [row.reshape(-1) for row in rows]
    joined = np.concatenate(arrays) if arrays else np.zeros(0, np.int64)
    if not len(joined) or joined.min() < 0 or joined.max() >= codebook:
        raise ValueError(f"code use: give at least one code, all of them in 0..{codebook - 1}.")
    counts = np.bincount(joined)
    shares = counts[counts > 0] / len(joined)
    bits = math.fsum(-shares * np.log2(shares))
    return CodeUse(codes=len(joined), different=len(shares), codebook=codebook, bits=bits, perplexity=2**bits)
