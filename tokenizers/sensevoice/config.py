"""Sizes of a SenseVoice encoder, under the names of its published configuration."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

_FIXED = {
    "input_layer": "pe",
    "pos_enc_class": "SinusoidalPositionEncoder",
    "normalize_before": True,
    "sanm_shfit": 0,
    "selfattention_layer_type": "sanm",
}
_IGNORED = ("dropout_rate", "positional_dropout_rate", "attention_dropout_rate")


@dataclass(frozen=True, slots=True, kw_only=True)
class SenseVoiceConfig:
    """Sizes of the encoder; the defaults are those of FunAudioLLM/SenseVoiceSmall (SPEC.md section 7).

    Attributes:
        input_size: Width of a feature frame: 80 mel bands, 7 frames stacked.
        output_size: Width of an output vector.
        attention_heads: Heads of every block.
        linear_units: Hidden width of the feed-forward layers.
        num_blocks: Blocks before the first norm, the one that changes the width included.
        tp_blocks: Blocks between the first and the last norm.
        kernel_size: Taps of the memory convolution; odd.
        vocab_size: Rows of the unused CTC head, which belongs to the published weights.
    """

    input_size: int = 560
    output_size: int = 512
    attention_heads: int = 4
    linear_units: int = 2048
    num_blocks: int = 50
    tp_blocks: int = 20
    kernel_size: int = 11
    vocab_size: int = 25_055

    def __post_init__(self) -> None:
        if self.output_size % self.attention_heads:
            raise ValueError(
                f"sensevoice config: output_size {self.output_size} is no multiple of attention_heads {self.attention_heads}."
            )
        if self.kernel_size % 2 == 0:
            raise ValueError(f"sensevoice config: kernel_size {self.kernel_size} is even; the memory needs a middle tap.")


def sensevoice_config(table: Mapping[str, Any]) -> SenseVoiceConfig:
    """Read `encoder_conf` of a published config.yaml; dropout is for training and ignored.

    Raises:
        ValueError: An unknown name, or a variant of the architecture that is not SenseVoiceSmall's.
    """
    known = {field.name for field in fields(SenseVoiceConfig)}
    for name, value in table.items():
        if name in _FIXED and value != _FIXED[name]:
            raise ValueError(f"sensevoice config: {name} is {value!r}; only {_FIXED[name]!r} is supported.")
        if name not in known and name not in _FIXED and name not in _IGNORED:
            raise ValueError(f"sensevoice config: unknown name {name!r}; known are {', '.join(sorted(known))}.")
    return SenseVoiceConfig(**{name: value for name, value in table.items() if name in known})
