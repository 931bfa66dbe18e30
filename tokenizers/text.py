"""Text as ids: byte-level BPE that never turns what a user wrote into a control token."""

import hashlib
import json
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from omniforge.tokenizers.text_ranks import read_ranks
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

PRETOKENIZE_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+"
    r"|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+"
    r"|\s+(?!\S)"
    r"|\s+"
)
"""How Qwen2 and Dream split text before merging: every digit stands alone (SPEC.md section 1)."""

_HUB_PREFIX = "hub:"
_HUB_FILES = ["tokenizer.json", "vocab.json", "merges.txt"]


def byte_level_pipeline(model: models.BPE) -> Tokenizer:
    """Put `model` behind NFC and the splitting of Qwen2 and Dream, with bytes as its alphabet."""
    backend = Tokenizer(model)
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PRETOKENIZE_REGEX), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    backend.decoder = decoders.ByteLevel()
    return backend


class TextTokenizer:
    """Byte-level BPE over ordinary text; control tokens are the vocabulary's business, not its own.

    Whatever is encoded gives ids below `size` that decode to the NFC form of the text: `<|im_end|>` in a caption is ten
    ordinary characters.
    """

    def __init__(self, backend: Tokenizer, source: str) -> None:
        """Keep the model and the splitting of `backend` and drop its control tokens, templates, padding and truncation.

        Args:
            backend: A byte-level BPE of the `tokenizers` library.
            source: Where it came from, for messages.

        Raises:
            ValueError: It is no BPE, or its alphabet lacks bytes.
        """
        state: dict[str, Any] = json.loads(backend.to_str())
        if state["model"]["type"] != "BPE":
            raise ValueError(f"text tokenizer {source}: its model is {state['model']['type']}; a byte-level BPE is needed.")
        vocab: dict[str, int] = state["model"]["vocab"]
        absent = [letter for letter in pre_tokenizers.ByteLevel.alphabet() if letter not in vocab]
        if absent:
            raise ValueError(
                f"text tokenizer {source}: {len(absent)} of the 256 byte letters are absent, so some texts could not be "
                "encoded; a byte-level BPE is needed."
            )
        state.update(added_tokens=[], post_processor=None, truncation=None, padding=None)
        self._state = state
        self._backend = Tokenizer.from_str(json.dumps(state))
        self.source = source
        self.size = max(vocab.values()) + 1

    def encode(self, text: str) -> list[int]:
        """Return the ids of `text`, all below `size`; `ValueError` for lone surrogates, which are no text."""
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"text cannot be encoded: {error}. Replace the lone surrogates.") from error
        ids: list[int] = self._backend.encode(text, add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Return the text of `ids`; bytes that are no UTF-8 become U+FFFD.

        Raises:
            ValueError: An id is no text id.
        """
        ids = [int(token) for token in ids]
        strangers = [token for token in ids if not 0 <= token < self.size]
        if strangers:
            raise ValueError(f"ids {strangers[:8]} are no text ids (0..{self.size - 1}); decode the text spans alone.")
        text: str = self._backend.decode(ids, skip_special_tokens=False)
        return text

    @cached_property
    def fingerprint(self) -> str:
        """`sha256:<16 hex>` over what decides the ids: normaliser, splitting, vocabulary, merges in order."""
        model = self._state["model"]
        merges = [merge if isinstance(merge, str) else " ".join(merge) for merge in model["merges"]]
        decisive = [self._state["normalizer"], self._state["pre_tokenizer"], model["vocab"], merges]
        return f"sha256:{hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]}"

    def state(self) -> dict[str, Any]:
        """Return a copy of the `tokenizer.json`, as read from JSON."""
        copy: dict[str, Any] = json.loads(json.dumps(self._state))
        return copy

    def save(self, path: str | Path) -> None:
        """Write it as a `tokenizer.json` that `load_text_tokenizer` and the `tokenizers` library read."""
        Path(path).write_text(json.dumps(self._state, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")


def load_text_tokenizer(source: str | Path = "embedded") -> TextTokenizer:
    """Load a text tokenizer.

    Args:
        source: `embedded` for the one that is shipped; a `tokenizer.json`; a `.tiktoken` file of ranks, as `qwen.tiktoken`,
            whose ids are Dream's; a folder with `vocab.json` and `merges.txt`, as Dream's, or with a `tokenizer.json`;
            `hub:OWNER/NAME` to fetch these files with huggingface_hub, or from its cache. Nothing else reaches the network.

    Raises:
        ValueError: Nothing is there, it is no byte-level BPE, or the hub does not give it.
    """
    source = str(source)
    if source == "embedded":
        return _load_path(Path(__file__).parent / "embedded" / "text.json", source)
    if source.startswith(_HUB_PREFIX):
        return _load_path(_fetch(source.removeprefix(_HUB_PREFIX)), source)
    return _load_path(Path(source), source)


def _load_path(path: Path, source: str) -> TextTokenizer:
    if (path / "vocab.json").is_file() and (path / "merges.txt").is_file():
        vocab, merges = models.BPE.read_file(str(path / "vocab.json"), str(path / "merges.txt"))
        return TextTokenizer(byte_level_pipeline(models.BPE(vocab, merges)), source)
    if path.suffix == ".tiktoken" and path.is_file():
        return TextTokenizer(byte_level_pipeline(read_ranks(path)), source)
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise ValueError(
            f"text tokenizer {source}: not there. Give 'embedded', a tokenizer.json, a .tiktoken file of ranks, a folder with "
            "vocab.json and merges.txt, or hub:OWNER/NAME."
        )
    try:
        backend = Tokenizer.from_str(file.read_text(encoding="utf-8"))
    except Exception as error:  # the library raises bare Exception for every kind of damage
        raise ValueError(f"text tokenizer {source}: {file.name} is no tokenizer file ({error}).") from error
    return TextTokenizer(backend, source)


def _fetch(name: str) -> Path:
    """Fetch the tokenizer files of a hub repository and return their folder."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError

    try:
        return Path(snapshot_download(name, allow_patterns=_HUB_FILES))
    except (OSError, HFValidationError) as error:
        raise ValueError(
            f"text tokenizer hub:{name}: the hub did not give it ({error}). Without a network, name a folder that holds "
            "vocab.json and merges.txt."
        ) from error
