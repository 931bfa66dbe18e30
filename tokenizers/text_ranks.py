"""Text tokenizers published as a rank file (`.tiktoken`), as Qwen's is."""

import base64
from collections.abc import Mapping
from pathlib import Path

from tokenizers import models

_PRINTABLE = {*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)}
_LETTERS = {byte: chr(byte) for byte in sorted(_PRINTABLE)} | {
    byte: chr(256 + index) for index, byte in enumerate(sorted(set(range(256)) - _PRINTABLE))
}
"""How byte-level BPE spells each byte as one character."""


def read_ranks(path: Path) -> models.BPE:
    """Read a file of `base64-token rank` lines as a byte-level BPE with the ranks as ids.

    Such a file names no merges: the merge that makes a token is the last one when its bytes are merged by lower ranks.

    Raises:
        ValueError: A line is no token and rank, or a token cannot be merged from others.
    """
    ranks: dict[bytes, int] = {}
    for number, line in enumerate(path.read_bytes().splitlines(), start=1):
        try:
            spelling, value = line.split()
            ranks[base64.b64decode(spelling, validate=True)] = int(value)
        except ValueError as error:
            raise ValueError(f"text tokenizer {path}: line {number} is no base64 token and rank ({error}).") from error
    merges = []
    for token, rank in sorted(ranks.items(), key=lambda item: item[1]):
        if len(token) > 1:
            parts = _merged(token, rank, ranks)
            if len(parts) != 2:
                raise ValueError(f"text tokenizer {path}: token {token!r} (rank {rank}) is no merge of two earlier tokens.")
            merges.append((_spell(parts[0]), _spell(parts[1])))
    return models.BPE({_spell(token): rank for token, rank in ranks.items()}, merges)


def _merged(token: bytes, below: int, ranks: Mapping[bytes, int]) -> list[bytes]:
    """Merge the bytes of `token`, lowest rank first, as far as ranks under `below` go."""
    parts = [token[index : index + 1] for index in range(len(token))]
    while len(parts) > 1:
        rank, index = min((ranks.get(parts[i] + parts[i + 1], below), i) for i in range(len(parts) - 1))
        if rank >= below:
            break
        parts[index : index + 2] = [parts[index] + parts[index + 1]]
    return parts


def _spell(token: bytes) -> str:
    return "".join(_LETTERS[byte] for byte in token)
