"""Pitch estimation and spectral losses of the vocoder's training."""

import math

import pytest
import torch

from omniforge.tokenizers.glm4voice.losses import estimate_f0, multi_resolution_stft_loss

RATE, HOP = 22050, 256


def harmonic(hertz, seconds=0.6):
    time = torch.arange(int(RATE * seconds)) / RATE
    return sum(0.2 / k * torch.sin(2 * math.pi * k * hertz * time) for k in range(1, 6))


@pytest.mark.parametrize("hertz", [80.0, 123.4, 210.0, 333.0, 450.0])
def test_the_pitch_of_a_harmonic_tone_is_found_within_two_percent(hertz):
    f0 = estimate_f0(harmonic(hertz), RATE, HOP)
    inside = f0[4:-4]
    assert inside.min() > 0
    assert (inside - hertz).abs().max() < 0.02 * hertz


def test_silence_and_noise_are_unvoiced():
    assert estimate_f0(torch.zeros(RATE), RATE, HOP).max() == 0
    noise = 0.1 * torch.randn(RATE, generator=torch.Generator().manual_seed(0))
    assert (estimate_f0(noise, RATE, HOP) > 0).float().mean() < 0.1


def test_there_is_one_estimate_for_every_whole_hop():
    assert estimate_f0(torch.zeros(10 * HOP + 3), RATE, HOP).shape == (10,)


def test_the_spectral_loss_is_zero_for_equal_waves_and_grows_with_their_distance():
    wave = harmonic(200.0)[None]
    near, far = wave + 0.01 * torch.ones_like(wave).cumsum(-1).sin(), harmonic(300.0)[None]
    assert multi_resolution_stft_loss(wave, wave) == 0
    assert 0 < multi_resolution_stft_loss(near, wave) < multi_resolution_stft_loss(far, wave)
