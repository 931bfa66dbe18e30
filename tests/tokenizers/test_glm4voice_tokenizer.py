"""Speech to codes and back with the embedded instance: lengths, independence of the batch, refusals."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge.tokenizers.glm4voice.files import find_files
from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def tokenizer():
    return SpeechTokenizer.load("embedded")


def sound(samples, seed=0):
    rng = np.random.default_rng(seed)
    time = np.arange(samples) / 16000
    tone = np.sin(2 * np.pi * (150 + 80 * np.sin(5 * time)) * time)
    return (0.2 * tone * (0.5 + 0.5 * np.sin(9 * time)) + 0.02 * rng.standard_normal(samples)).astype(np.float32)


def test_rates_and_sizes_are_those_of_the_format(tokenizer):
    assert tokenizer.codes_per_second == 12.5
    assert (tokenizer.sample_rate, tokenizer.output_rate) == (16000, 22050)
    assert tokenizer.codebook_size == 2048
    assert tokenizer.fingerprint.startswith("sha256:")


def test_the_moving_averages_of_the_codebook_are_no_parameters(tokenizer):
    files = find_files("embedded")
    stored = sum(tensor.numel() for part in (files.tokenizer, files.flow, files.hift) for tensor in part.values())
    averages = files.tokenizer["ema_count"].numel() + files.tokenizer["ema_weight"].numel()
    assert tokenizer.parameter_count == stored - averages


def test_the_fingerprint_is_the_same_each_time_it_is_loaded(tokenizer):
    assert SpeechTokenizer.load("embedded").fingerprint == tokenizer.fingerprint


@given(samples=st.integers(1, 20000))
@settings(max_examples=10, deadline=None)
def test_there_is_a_code_for_every_1280_samples_begun(samples):
    (codes,) = SpeechTokenizer.load("embedded").encode([sound(samples)])
    assert codes.dtype == np.int64
    assert len(codes) == -(-samples // 1280)
    assert 0 <= codes.min() <= codes.max() < 2048


def test_codes_do_not_depend_on_what_else_is_encoded(tokenizer):
    waves = [sound(samples, seed) for seed, samples in enumerate((5000, 31000, 16000, 1280))]
    together = tokenizer.encode(waves)
    for codes, wave in zip(together, waves, strict=True):
        np.testing.assert_array_equal(tokenizer.encode([wave])[0], codes)
    for codes, wave in zip(reversed(together), reversed(waves), strict=True):
        np.testing.assert_array_equal(tokenizer.encode([wave])[0], codes)


def test_long_speech_is_its_segments_joined(tokenizer):
    wave = sound(31 * 16000)
    (codes,) = tokenizer.encode([wave])
    parts = tokenizer.encode([wave[: 30 * 16000], wave[30 * 16000 :]])
    np.testing.assert_array_equal(codes, np.concatenate(parts))


def test_decoding_is_deterministic_and_leaves_the_global_generator_alone(tokenizer):
    codes = np.arange(20) * 37 % 2048
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    first = tokenizer.decode([codes])[0]
    assert torch.equal(torch.rand(3), wanted)
    second = tokenizer.decode([codes[:7], codes])[1]
    np.testing.assert_array_equal(first, second)
    assert first.dtype == np.float32
    assert np.abs(first).max() <= 0.99
    assert len(first) == int(20 / 12.5 * 22050 / 256) * 256


def test_no_codes_are_no_samples(tokenizer):
    assert tokenizer.decode([np.zeros(0, np.int64)])[0].shape == (0,)


@pytest.mark.parametrize(
    ("wave", "message"),
    [
        (np.zeros(0, np.float32), "at least one"),
        (np.zeros(100, np.float64), "mono float32"),
        (np.zeros((2, 100), np.float32), "mono float32"),
        (np.array([0.0, np.nan], np.float32), "not finite"),
    ],
)
def test_what_is_no_waveform_is_refused_with_its_place(tokenizer, wave, message):
    with pytest.raises(ValueError, match=f"waveform 1.*{message}"):
        tokenizer.encode([sound(100), wave])


@pytest.mark.parametrize("codes", [np.array([2048]), np.array([-1, 3])])
def test_codes_outside_the_codebook_are_refused(tokenizer, codes):
    with pytest.raises(ValueError, match="codebook"):
        tokenizer.decode([codes])


def test_codes_that_are_no_integers_are_refused(tokenizer):
    with pytest.raises(ValueError, match="integers"):
        tokenizer.decode([np.array([0.5])])
