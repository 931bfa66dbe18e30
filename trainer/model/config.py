"""Sizes of a Dream-family model: named ones, and the published config.json read and written."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig, sensevoice_config

_UNSUPPORTED: Mapping[str, tuple[object, ...]] = {
    "hidden_act": ("silu",),
    "attention_dropout": (0, 0.0),
    "rope_scaling": (None,),
    "tie_word_embeddings": (False,),
    "use_sliding_window": (False,),
    "use_mrope": (False,),
}
"""Published settings that have one supported value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DreamConfig:
    """Sizes and ids of a model, under the names of the published config.json; the defaults are Omni-Diffusion's.

    Attributes:
        vocab_size: Rows of the embedding and of the untied output head.
        hidden_size: Width of the hidden states.
        intermediate_size: Inner width of the gated MLP.
        num_hidden_layers: Number of blocks.
        num_attention_heads: Query heads; `hidden_size` is a multiple of it.
        num_key_value_heads: Key and value heads; divides `num_attention_heads`.
        max_position_embeddings: Longest sequence the model is meant for; the rotary embedding itself has no limit.
        rms_norm_eps: Epsilon of every RMSNorm.
        rope_theta: Base of the rotary frequencies.
        initializer_range: Standard deviation of fresh weights.
        mask_token_id: Id that stands for a token to be predicted.
        pad_token_id: Id of tail and row padding; also `eos_token_id` and `bos_token_id` of the published file.
        audio: Sizes of the speech encoder, or None where speech comes in as codes. Published files do not say; here it is
            their `audio_config`.
    """

    vocab_size: int = 176_264
    hidden_size: int = 3584
    intermediate_size: int = 18_944
    num_hidden_layers: int = 28
    num_attention_heads: int = 28
    num_key_value_heads: int = 4
    max_position_embeddings: int = 131_072
    rms_norm_eps: float = 1e-6
    rope_theta: float = 1e6
    initializer_range: float = 0.02
    mask_token_id: int = 151_666
    pad_token_id: int = 151_643
    audio: SenseVoiceConfig | None = None

    def __post_init__(self) -> None:
        if self.hidden_size % (2 * self.num_attention_heads):
            raise ValueError(
                f"model config: hidden_size {self.hidden_size} is not an even multiple of num_attention_heads "
                f"{self.num_attention_heads}; rotary heads need an even size"
            )
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"model config: num_key_value_heads {self.num_key_value_heads} does not divide num_attention_heads "
                f"{self.num_attention_heads}"
            )
        for name in ("mask_token_id", "pad_token_id"):
            if not 0 <= getattr(self, name) < self.vocab_size:
                raise ValueError(
                    f"model config: {name} {getattr(self, name)} is outside the vocabulary of {self.vocab_size} ids; "
                    "take both from the same vocabulary"
                )

    @property
    def head_dim(self) -> int:
        """Size of a head."""
        return self.hidden_size // self.num_attention_heads


_BACKBONES: Mapping[str, Mapping[str, int]] = {
    "tiny": {
        "hidden_size": 256,
        "intermediate_size": 704,
        "num_hidden_layers": 6,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
    },
    "100m": {
        "hidden_size": 768,
        "intermediate_size": 2048,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "num_key_value_heads": 4,
    },
    "1.5b": {
        "hidden_size": 1536,
        "intermediate_size": 8960,
        "num_hidden_layers": 28,
        "num_attention_heads": 12,
        "num_key_value_heads": 2,
    },
    "7b": {
        "hidden_size": 3584,
        "intermediate_size": 18_944,
        "num_hidden_layers": 28,
        "num_attention_heads": 28,
        "num_key_value_heads": 4,
    },
}
MODEL_SIZES: tuple[str, ...] = tuple(_BACKBONES)
"""Names that `named_config` knows: blocks of 4.4 M, 76 M, 1.3 G and 6.5 G parameters; the vocabulary comes on top."""


def named_config(
    name: str, *, vocab_size: int, mask_token_id: int, pad_token_id: int, audio: SenseVoiceConfig | None = None
) -> DreamConfig:
    """Return the sizes called `name` for a vocabulary, and for continuous speech input if `audio` is given.

    Raises:
        ValueError: The name is none of `MODEL_SIZES`, or an id is outside the vocabulary.
    """
    if name not in _BACKBONES:
        raise ValueError(f"model size {name!r} is unknown; choose one of {', '.join(MODEL_SIZES)}")
    sizes: Mapping[str, Any] = _BACKBONES[name]
    return DreamConfig(vocab_size=vocab_size, mask_token_id=mask_token_id, pad_token_id=pad_token_id, audio=audio, **sizes)


def dream_config(values: Mapping[str, object]) -> DreamConfig:
    """Read a config.json as published for Dream and Omni-Diffusion; names without a meaning here are passed over.

    Raises:
        ValueError: A setting asks for something that this model does not do, or sizes contradict each other.
    """
    for name, supported in _UNSUPPORTED.items():
        if name in values and values[name] not in supported:
            raise ValueError(f"model config: {name} is {values[name]!r}; only {supported[0]!r} is supported")
    known = {item.name for item in fields(DreamConfig)} - {"audio"}
    sizes: dict[str, Any] = {name: value for name, value in values.items() if name in known}
    audio = values.get("audio_config")
    return DreamConfig(**sizes, audio=sensevoice_config(audio) if isinstance(audio, Mapping) else None)


def published_config(config: DreamConfig, dtype: str) -> dict[str, object]:
    """Return the content of a config.json as published, for weights stored as `dtype` (such as `bfloat16`)."""
    sizes = asdict(config)
    audio = sizes.pop("audio")
    return {
        "architectures": ["DreamModel"],
        "model_type": "Dream",
        "auto_map": {
            "AutoConfig": "configuration_dream.DreamConfig",
            "AutoModel": "modeling_dream.DreamModel",
        },
        **sizes,
        "bos_token_id": config.pad_token_id,
        "eos_token_id": config.pad_token_id,
        "max_window_layers": config.num_hidden_layers,
        "sliding_window": None,
        "torch_dtype": dtype,
        "use_cache": False,
        **{name: supported[-1] for name, supported in _UNSUPPORTED.items()},
        **({"audio_config": audio} if audio else {}),
    }
