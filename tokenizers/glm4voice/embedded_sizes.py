"""Sizes of the embedded instance: the published architecture, small enough to ship and to train on one CPU core."""

from typing import Any, Final

from omniforge.tokenizers.glm4voice.examples import MelScale

_WIDTH = 160
_MELS = 80

TOKENIZER: Final[dict[str, Any]] = {
    "d_model": _WIDTH,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 480,
    "num_mel_bins": 128,
    "max_source_positions": 1500,
    "pooling_kernel_size": 4,
    "pooling_position": 3,
    "quantize_vocab_size": 2048,
    "quantize_position": 4,
    "quantize_causal_block_size": 200,
    "encoder_causal_convolution": True,
    "encoder_causal_attention": False,
}

DECODER: Final[dict[str, Any]] = {
    "flow": {
        "input_size": _WIDTH,
        "output_size": _MELS,
        "spk_embed_dim": 16,
        "vocab_size": 2048,
        "input_frame_rate": 12.5,
    },
    "encoder": {
        "input_size": _WIDTH,
        "output_size": _WIDTH,
        "attention_heads": 4,
        "linear_units": 480,
        "num_blocks": 2,
        "block_size": 50,
    },
    "length_regulator": {"channels": _MELS, "sampling_ratios": [1, 1, 1, 1]},
    "cfm": {"cfm_params": {"inference_cfg_rate": 0.0}},
    "estimator": {
        "in_channels": 4 * _MELS,
        "out_channels": _MELS,
        "channels": [88, 88],
        "attention_head_dim": 44,
        "n_blocks": 1,
        "num_mid_blocks": 2,
        "num_heads": 2,
    },
    "hift": {
        "in_channels": _MELS,
        "base_channels": 192,
        "nb_harmonics": 8,
        "sampling_rate": 22050,
        "nsf_alpha": 0.1,
        "nsf_sigma": 0.003,
        "nsf_voiced_threshold": 10,
        "upsample_rates": [8, 8],
        "upsample_kernel_sizes": [16, 16],
        "istft_params": {"n_fft": 16, "hop_len": 4},
        "resblock_kernel_sizes": [3, 7],
        "resblock_dilation_sizes": [[1, 3], [1, 3]],
        "source_resblock_kernel_sizes": [3, 3],
        "source_resblock_dilation_sizes": [[1], [1]],
        "lrelu_slope": 0.1,
        "audio_limit": 0.99,
        "f0_predictor": {"cond_channels": 64},
    },
}

# Euler steps and guidance (above) of the published decoder are 10 and 0.7; fewer and less leave the small one clearer.
STEPS: Final = 4
# Mean and spread of the synthetic speech's log mel, measured over 200 sentences.
MEL_SCALE: Final = MelScale(mean=-6.8, deviation=3.0)
