"""Rank files as byte-level BPE."""

import base64
from pathlib import Path

import pytest

from omniforge.pipeline.sources.sentences import sentence_text
from omniforge.tokenizers.text import TextTokenizer, load_text_tokenizer
from omniforge.tokenizers.text_training import train_text_tokenizer


def write_ranks(path: Path, tokens: dict[bytes, int]) -> Path:
    path.write_text("".join(f"{base64.b64encode(token).decode()} {rank}\n" for token, rank in tokens.items()))
    return path


@pytest.fixture
def trained(tmp_path: Path) -> TextTokenizer:
    """One whose ids follow the order of its merges, as those of Qwen2 do (and those of words that got ids later do not)."""
    return train_text_tokenizer((sentence_text(number) for number in range(400)), 1000, tmp_path / "text.json")


@pytest.fixture
def ranks(trained: TextTokenizer) -> dict[bytes, int]:
    """Its ids by the bytes of each token."""
    model = trained.state()["model"]
    byte_of = {token: value for token, value in model["vocab"].items() if len(token) == 1}
    order = sorted(byte_of, key=ord)
    printable = [letter for letter in order if ord(letter) < 256]
    shifted = [letter for letter in order if ord(letter) >= 256]
    others = [byte for byte in range(256) if chr(byte) not in printable]
    byte = {letter: ord(letter) for letter in printable} | dict(zip(shifted, others, strict=True))
    return {bytes(byte[letter] for letter in token): rank for token, rank in model["vocab"].items()}


def test_ranks_give_the_ids_of_the_merges_they_came_from(
    tmp_path: Path, trained: TextTokenizer, ranks: dict[bytes, int]
) -> None:
    loaded = load_text_tokenizer(write_ranks(tmp_path / "small.tiktoken", ranks))
    assert loaded.fingerprint == trained.fingerprint
    text = "Two small circles, naïve 日本 <|im_end|>\n\n 42"
    assert loaded.encode(text) == trained.encode(text)


def test_a_line_that_is_no_rank_is_named(tmp_path: Path) -> None:
    path = write_ranks(tmp_path / "bad.tiktoken", {b"a": 0})
    path.write_text(path.read_text() + "!!! x\n")
    with pytest.raises(ValueError, match="line 2"):
        load_text_tokenizer(path)


def test_a_token_that_no_merge_makes_is_named(tmp_path: Path) -> None:
    tokens = {bytes([byte]): byte for byte in range(256)} | {b"abc": 256}
    with pytest.raises(ValueError, match=r"b'abc' \(rank 256\)"):
        load_text_tokenizer(write_ranks(tmp_path / "bad.tiktoken", tokens))
