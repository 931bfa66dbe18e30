"""Rank files as byte-level BPE."""

import base64
import json
from pathlib import Path

import pytest

from omniforge.tokenizers.text import load_text_tokenizer

EMBEDDED = load_text_tokenizer("embedded")


def write_ranks(path: Path, tokens: dict[bytes, int]) -> Path:
    path.write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in tokens.items()))
    return path


@pytest.fixture
def embedded_ranks(tmp_path: Path) -> dict[bytes, int]:
    """The embedded tokenizer's ids by the bytes of each token."""
    EMBEDDED.save(tmp_path / "text.json")
    model = json.loads((tmp_path / "text.json").read_text())["model"]
    byte_of = {token: value for token, value in model["vocab"].items() if len(token) == 1}
    order = sorted(byte_of, key=ord)
    printable = [letter for letter in order if ord(letter) < 256]
    shifted = [letter for letter in order if ord(letter) >= 256]
    others = [byte for byte in range(256) if chr(byte) not in printable]
    byte = {letter: ord(letter) for letter in printable} | dict(zip(shifted, others, strict=True))
    return {bytes(byte[letter] for letter in token): rank for token, rank in model["vocab"].items()}


def test_ranks_give_the_ids_of_the_merges_they_came_from(tmp_path: Path, embedded_ranks: dict[bytes, int]) -> None:
    loaded = load_text_tokenizer(write_ranks(tmp_path / "small.tiktoken", embedded_ranks))
    assert loaded.fingerprint == EMBEDDED.fingerprint
    text = "Two small circles, naïve 日本 <|im_end|>\n\n 42"
    assert loaded.encode(text) == EMBEDDED.encode(text)


def test_a_line_that_is_no_rank_is_named(tmp_path: Path) -> None:
    path = write_ranks(tmp_path / "bad.tiktoken", {b"a": 0})
    path.write_text(path.read_text() + "!!! x\n")
    with pytest.raises(ValueError, match="line 2"):
        load_text_tokenizer(path)


def test_a_token_that_no_merge_makes_is_named(tmp_path: Path) -> None:
    tokens = {bytes([byte]): byte for byte in range(256)} | {b"abc": 256}
    with pytest.raises(ValueError, match=r"b'abc' \(rank 256\)"):
        load_text_tokenizer(write_ranks(tmp_path / "bad.tiktoken", tokens))
