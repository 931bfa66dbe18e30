"""Hyper-parameters of the GLM-4-Voice speech tokenizer, flow decoder and vocoder."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self


def _select(cls: type[Any], values: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Take the fields of `cls` from a published configuration, which holds many more, and name what is absent."""
    names = [field.name for field in fields(cls)]
    absent = [name for name in names if name not in values]
    if absent:
        raise ValueError(f"{where}: the configuration lacks {', '.join(absent)}; give the one published with the weights.")
    return {name: tuple(values[name]) if isinstance(values[name], list) else values[name] for name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderConfig:
    """Sizes of the Whisper-style encoder and its codebook, under the names of the published config.json."""

    d_model: int
    encoder_attention_heads: int
    encoder_ffn_dim: int
    num_mel_bins: int
    max_source_positions: int
    pooling_kernel_size: int
    pooling_position: int
    quantize_vocab_size: int
    quantize_position: int
    quantize_causal_block_size: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read a published or embedded config.json.

        Raises:
            ValueError: A size is absent, or a switch asks for a variant that this encoder is not.
        """
        expected = {
            "encoder_causal_convolution": True,
            "encoder_causal_attention": False,
            "quantize_causal_encoder": False,
            "quantize_encoder_only": True,
            "pooling_type": "avg",
            "activation_function": "gelu",
        }
        for name, value in expected.items():
            if values.get(name, value) != value:
                raise ValueError(f"speech tokenizer configuration: {name}={values[name]!r}, only {value!r} is supported.")
        return cls(**_select(cls, values, "speech tokenizer"))

    @property
    def samples_per_code(self) -> int:
        """Samples at 16 kHz for one code: hop 160, stride 2, then the pooling."""
        return 160 * 2 * self.pooling_kernel_size


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowEncoderConfig:
    """The encoder over codes: relative positions, chunk-causal attention, no convolution."""

    input_size: int
    output_size: int
    attention_heads: int
    linear_units: int
    num_blocks: int
    block_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EstimatorConfig:
    """The U-Net that estimates the flow's velocity; every entry of `channels` is a level."""

    in_channels: int
    out_channels: int
    channels: tuple[int, ...]
    attention_head_dim: int
    n_blocks: int
    num_mid_blocks: int
    num_heads: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowConfig:
    """The mel decoder: code embedding, encoder, length regulator and conditional flow matching."""

    input_size: int
    output_size: int
    spk_embed_dim: int
    vocab_size: int
    input_frame_rate: float
    inference_cfg_rate: float
    encoder: FlowEncoderConfig
    length_regulator_convolutions: int
    estimator: EstimatorConfig

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the sections `flow`, `encoder`, `length_regulator`, `cfm` and `estimator` of a decoder configuration.

        Raises:
            ValueError: A section or a size is absent.
        """
        sections = ("flow", "encoder", "length_regulator", "cfm", "estimator")
        absent = [name for name in sections if name not in values]
        if absent:
            raise ValueError(f"speech decoder: the configuration lacks the sections {', '.join(absent)}.")
        encoder = _select(FlowEncoderConfig, values["encoder"], "speech decoder, encoder")
        estimator = _select(EstimatorConfig, values["estimator"], "speech decoder, estimator")
        flow = values["flow"]
        return cls(
            input_size=flow["input_size"],
            output_size=flow["output_size"],
            spk_embed_dim=flow["spk_embed_dim"],
            vocab_size=flow["vocab_size"],
            input_frame_rate=flow["input_frame_rate"],
            inference_cfg_rate=values["cfm"]["cfm_params"]["inference_cfg_rate"],
            encoder=FlowEncoderConfig(**encoder),
            length_regulator_convolutions=len(values["length_regulator"]["sampling_ratios"]),
            estimator=EstimatorConfig(**estimator),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HiftConfig:
    """The vocoder: harmonic source, transposed convolutions and an inverse STFT."""

    in_channels: int
    base_channels: int
    nb_harmonics: int
    sampling_rate: int
    nsf_alpha: float
    nsf_sigma: float
    nsf_voiced_threshold: float
    upsample_rates: tuple[int, ...]
    upsample_kernel_sizes: tuple[int, ...]
    istft_n_fft: int
    istft_hop: int
    resblock_kernel_sizes: tuple[int, ...]
    resblock_dilation_sizes: tuple[tuple[int, ...], ...]
    source_resblock_kernel_sizes: tuple[int, ...]
    source_resblock_dilation_sizes: tuple[tuple[int, ...], ...]
    lrelu_slope: float
    audio_limit: float
    f0_channels: int

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Read the section `hift` of a decoder configuration.

        Raises:
            ValueError: A size is absent.
        """
        nested = {
            "istft_n_fft": values["istft_params"]["n_fft"],
            "istft_hop": values["istft_params"]["hop_len"],
            "f0_channels": values["f0_predictor"]["cond_channels"],
            "resblock_dilation_sizes": tuple(map(tuple, values["resblock_dilation_sizes"])),
            "source_resblock_dilation_sizes": tuple(map(tuple, values["source_resblock_dilation_sizes"])),
        }
        return cls(**_select(cls, {**values, **nested}, "vocoder"))

    @property
    def samples_per_frame(self) -> int:
        """Samples of the waveform for one mel frame."""
        product = self.istft_hop
        for rate in self.upsample_rates:
            product *= rate
        return product
