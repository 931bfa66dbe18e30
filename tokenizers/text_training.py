"""Train a byte-level BPE with the splitting of Qwen2 and Dream."""

from collections.abc import Iterator
from pathlib import Path

from omniforge.tokenizers.text import TextTokenizer, byte_level_pipeline
from tokenizers import models, pre_tokenizers, trainers


def train_text_tokenizer(texts: Iterator[str], size: int, output: str | Path) -> TextTokenizer:
    """Learn merges from `texts` and write them to `output`.

    Equal texts in equal order give the same file. The 256 bytes are always in, so every text can be encoded.

    Args:
        texts: The corpus, read once.
        size: Number of ids at most; few or short texts give fewer.
        output: The `tokenizer.json` to write; its folder has to exist.

    Returns:
        What was written, ready to use.

    Raises:
        ValueError: `size` leaves no room for the bytes.
    """
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    if size < len(alphabet):
        raise ValueError(f"text tokenizer: size is {size}; the 256 bytes alone need {len(alphabet)}.")
    backend = byte_level_pipeline(models.BPE())
    trainer = trainers.BpeTrainer(vocab_size=size, initial_alphabet=alphabet, special_tokens=[], show_progress=False)
    backend.train_from_iterator(texts, trainer)
    tokenizer = TextTokenizer(backend, str(output))
    tokenizer.save(output)
    return tokenizer
