import numpy as np

from omniforge.synth.flac import decode_flac, encode_flac, to_16_bit


def test_samples_come_back_from_flac_as_they_were() -> None:
    samples = to_16_bit(np.random.default_rng(0).uniform(-1, 1, 20000))
    assert np.array_equal(decode_flac(encode_flac(samples)), samples)


def test_a_zero_has_no_sign() -> None:
    quiet = to_16_bit(np.full(10, -1e-6))
    assert decode_flac(encode_flac(quiet)).tobytes() == quiet.tobytes()


def test_full_scale_and_beyond_is_held_by_16_bits() -> None:
    loud = to_16_bit(np.array([-1.5, -1.0, 0.0, 1.0, 1.5]))
    assert loud.tolist() == [-1.0, -1.0, 0.0, 32767 / 32768, 32767 / 32768]
    assert np.array_equal(decode_flac(encode_flac(loud)), loud)
