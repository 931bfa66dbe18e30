"""Train a byte-level BPE with the splitting of Qwen2 and Dream, and give words of one ids of their own."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from omniforge.tokenizers.text import TextTokenizer, byte_level_pipeline
from tokenizers import Tokenizer, models, pre_tokenizers, trainers


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


def give_words_ids(tokenizer: TextTokenizer, words: Iterable[str], texts: Iterable[str], output: str | Path) -> TextTokenizer:
    """Let each of some words be one id, in the place of the tokens learnt last that nothing else needs.

    An answer that is spelled in pieces tells a model that fills in masks what it is by their number. All ids keep their
    meaning but those that gave way; they are spelled in pieces afterwards, and so is nothing of `texts` that was not before.
    The new ids do not follow the order of the merges, so that the result has no file of ranks (`text_ranks`).

    Args:
        tokenizer: The one to begin with.
        words: What is to be one id where it stands alone.
        texts: What is not to become longer.
        output: The `tokenizer.json` to write; its folder has to exist.

    Returns:
        What was written, ready to use.

    Raises:
        ValueError: Every token is needed.
    """
    state = tokenizer.state()
    vocab: dict[str, int] = state["model"]["vocab"]
    pairs = [tuple(merge.split(" ") if isinstance(merge, str) else merge) for merge in state["model"]["merges"]]
    letters = {token: letter for letter, token in vocab.items()}
    added: list[tuple[str, ...]] = []
    for word in words:
        whole, *rest = (letters[token] for token in tokenizer.encode(word))
        for piece in rest:
            added.append((whole, piece))
            whole += piece
    fresh = [word for word in dict.fromkeys("".join(pair) for pair in added) if word not in vocab]
    needed = {letters[token] for text in texts for token in tokenizer.encode(text)}
    needed |= {piece for pair in (*pairs, *added) for piece in pair}
    leaving = [pair for pair in reversed(pairs) if "".join(pair) not in needed][: len(fresh)]
    if len(leaving) < len(fresh):
        raise ValueError(f"text tokenizer: {len(fresh)} words need an id and {len(leaving)} can be given up; take fewer words.")
    for pair, word in zip(leaving, fresh, strict=True):
        vocab[word] = vocab.pop("".join(pair))
    state["model"]["vocab"] = dict(sorted(vocab.items(), key=lambda item: item[1]))
    staying = (pair for pair in pairs if pair not in leaving)
    state["model"]["merges"] = [list(pair) for pair in dict.fromkeys((*staying, *added))]
    made = TextTokenizer(Tokenizer.from_str(json.dumps(state)), str(output))
    made.save(output)
    return made
