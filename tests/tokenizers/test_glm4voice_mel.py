"""Spectrograms: shapes, and the alignment of stretched speech that training rests on."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge.tokenizers.glm4voice.examples import code_frames
from omniforge.tokenizers.glm4voice.mel import OUTPUT_HOP, log_mel, output_mel


@given(codes=st.integers(1, 12))
@settings(max_examples=12, deadline=None)
def test_log_mel_has_eight_frames_for_each_code_of_samples(codes):
    features = log_mel(torch.zeros(1, 1280 * codes), 128)
    assert features.shape == (1, 128, 8 * codes)


def test_log_mel_does_not_fall_more_than_eight_decades_below_the_loudest():
    wave = torch.zeros(1, 16000)
    wave[0, :4000] = torch.sin(torch.arange(4000) * 0.3)
    features = log_mel(wave, 128)
    assert features.max() - features.min() <= 2.0 + 1e-6


def test_output_mel_of_a_stretched_hop_sees_the_same_moments():
    generator = torch.Generator().manual_seed(0)
    wave = torch.randn(1, 100 * OUTPUT_HOP, generator=generator)
    usual, doubled = output_mel(wave, 80), output_mel(wave, 80, hop=2 * OUTPUT_HOP, frames=50)
    torch.testing.assert_close(doubled, usual[..., ::2])


def test_output_mel_beyond_the_end_is_the_floor():
    mel = output_mel(torch.ones(1, 4096), 80, frames=40)
    assert mel.shape == (1, 80, 40)
    assert torch.all(mel[..., 30:] == torch.tensor(1e-5).log())


def test_frames_of_codes_follow_the_rates():
    assert [code_frames(codes) for codes in (1, 13, 125)] == [6, 89, 861]
