"""The speech tokenizer gives the reference's spectrogram, states and codes, on every fixture folder given."""

import json

import numpy as np
import pytest
import torch
from reference_data import parity_folder
from safetensors.torch import load_file

from omniforge.tokenizers.glm4voice.config import EncoderConfig
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.mel import mel_filters, resample
from omniforge.tokenizers.glm4voice.segments import batch_features, encode_segments, split_segments
from omniforge.tokenizers.weights import load_strict

FOLDER = parity_folder("glm4voice_tokenizer")
MEL_TOLERANCE = 2e-5
# Near the floor of the logarithm the transform's own rounding shows.
FLOOR_TOLERANCE = 1e-4
HIDDEN_TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def config():
    return json.loads((FOLDER / "config.json").read_text())


@pytest.fixture(scope="module")
def model(config):
    encoder = SpeechEncoder(EncoderConfig.from_dict(config["model"]))
    load_strict(encoder, load_file(FOLDER / "weights.safetensors"), "fixture")
    return encoder.eval()


@pytest.fixture(scope="module")
def expected():
    return load_file(FOLDER / "outputs.safetensors")


@pytest.fixture(scope="module")
def waves():
    tensors = load_file(FOLDER / "inputs.safetensors")
    return [(tensors[name].float() / 32768).numpy() for name in sorted(tensors)]


@pytest.fixture(scope="module")
def batch(config, waves):
    extractor = config["feature_extractor"]
    return batch_features(waves, mels=extractor["feature_size"], multiple=extractor["pad_to_multiple_of"])


@pytest.fixture(scope="module")
def long_wave(config, expected):
    long = config["long"]
    time = np.arange(round(long["seconds"] * 16000)) / 16000
    wave = sum(
        a * np.sin(2 * np.pi * f * time + p) * (0.6 + 0.4 * np.sin(2 * np.pi * m * time))
        for f, a, p, m in long["components_f_a_p_m"]
    ).astype(np.float32)
    step = -(-len(wave) // len(expected["long.wave_check"]))
    np.testing.assert_allclose(wave[::step], expected["long.wave_check"], atol=1e-6)
    return wave


def assert_mel_close(actual, wanted):
    floor = wanted <= wanted.amin(dim=(-2, -1), keepdim=True) + 0.05
    difference = (actual - wanted).abs()
    assert difference[~floor].max() <= MEL_TOLERANCE
    if floor.any():
        assert difference[floor].max() <= FLOOR_TOLERANCE


def test_mel_filters_equal_the_reference():
    (name, wanted), *_ = load_file(FOLDER / "mel_filters.safetensors").items()
    bins, mels = map(int, name.rpartition("_")[2].split("x"))
    torch.testing.assert_close(mel_filters(16000, 2 * (bins - 1), mels, 8000.0).T, wanted, atol=1e-7, rtol=1e-5)


def test_resampling_equals_the_reference_at_every_rate():
    tensors = load_file(FOLDER / "resample.safetensors")
    rates = [int(name.removeprefix("in_")) for name in tensors if name.startswith("in_")]
    assert rates
    for rate in rates:
        wanted = tensors[f"out_{rate}"]
        torch.testing.assert_close(resample(tensors[f"in_{rate}"], rate, 16000), wanted, atol=1e-5, rtol=1e-4)


def test_log_mel_and_frame_mask_of_an_unequal_batch(batch, expected):
    mel, valid = batch
    assert_mel_close(mel, expected["mel"])
    assert torch.equal(valid, expected["frame_mask"].bool())


@torch.inference_mode()
def test_states_that_enter_every_recorded_layer(model, expected):
    states = {}
    hooks = [
        layer.register_forward_pre_hook(lambda _module, inputs, index=index: states.update({index: inputs[0]}))
        for index, layer in enumerate(model.layers)
    ]
    valid = expected["frame_mask"].bool()
    prequant = model.hidden(expected["mel"], valid)
    _, quantised = model(expected["mel"], valid)
    for hook in hooks:
        hook.remove()
    pool = model.config.pooling_kernel_size
    inside = valid[:, :: 2 * pool]
    assert torch.equal(inside, expected["code_mask"].bool())
    recorded = sorted(int(name.removeprefix("hidden_")) for name in expected if name.startswith("hidden_"))
    assert recorded
    for index in recorded:
        wanted = expected[f"hidden_{index}"]
        rows = valid[:, ::2] if wanted.shape[1] == valid.shape[1] // 2 else inside
        torch.testing.assert_close(states[index][rows], wanted[rows], atol=HIDDEN_TOLERANCE, rtol=1e-4)
    torch.testing.assert_close(prequant[inside], expected["prequant"][inside], atol=HIDDEN_TOLERANCE, rtol=1e-4)
    wanted = expected["last_hidden_state"][inside]
    torch.testing.assert_close(quantised[inside], wanted, atol=HIDDEN_TOLERANCE, rtol=1e-4)


def test_codes_are_exact_in_a_batch_and_alone(model, waves, expected):
    together = encode_segments(model, waves)
    for index, wave in enumerate(waves):
        np.testing.assert_array_equal(together[index], expected[f"codes_{index}"])
        np.testing.assert_array_equal(encode_segments(model, [wave])[0], expected[f"codes_alone_{index}"])


@torch.inference_mode()
def test_long_audio_is_two_segments_of_one_batch(model, long_wave, expected):
    segments = split_segments(long_wave)
    extractor = {"mels": model.config.num_mel_bins, "multiple": model.config.samples_per_code}
    mel, valid = batch_features(segments, **extractor)
    for index in range(len(segments)):
        wanted = expected[f"long.mel_seg{index}_first20"]
        assert (mel[index, :, : wanted.shape[1]] - wanted).abs().max() <= FLOOR_TOLERANCE
    prequant = model.hidden(mel, valid)
    wanted = expected["long.prequant_every25"]
    inside = valid[:, :: 2 * model.config.pooling_kernel_size][:, ::25][:, : wanted.shape[1]]
    sampled = prequant[:, ::25][:, : wanted.shape[1]]
    torch.testing.assert_close(sampled[inside], wanted[inside], atol=HIDDEN_TOLERANCE, rtol=1e-4)
    codes = encode_segments(model, segments)
    assert [len(part) for part in codes] == expected["long.segment_codes_counts"].tolist()
    np.testing.assert_array_equal(np.concatenate(codes), expected["long.codes"])


def test_full_size_keys_and_shapes_are_the_published_ones():
    published = {
        "d_model": 1280,
        "encoder_attention_heads": 20,
        "encoder_ffn_dim": 5120,
        "num_mel_bins": 128,
        "max_source_positions": 1500,
        "pooling_kernel_size": 4,
        "pooling_position": 16,
        "quantize_vocab_size": 16384,
        "quantize_position": 16,
        "quantize_causal_block_size": 200,
    }
    with torch.device("meta"):
        encoder = SpeechEncoder(EncoderConfig.from_dict(published))
    own = {
        name: [list(tensor.shape), str(tensor.dtype).removeprefix("torch.")] for name, tensor in encoder.state_dict().items()
    }
    assert own == json.loads((FOLDER / "keys_full.json").read_text())["keys"]


def test_a_missing_and_a_misshapen_weight_give_one_error(model):
    weights = dict(model.state_dict())
    del weights["conv1.bias"]
    weights["codebook.weight"] = weights["codebook.weight"][:-1]
    fresh = SpeechEncoder(model.config)
    with pytest.raises(ValueError, match=r"conv1\.bias") as caught:
        load_strict(fresh, weights, "fixture")
    assert "codebook.weight" in str(caught.value)
