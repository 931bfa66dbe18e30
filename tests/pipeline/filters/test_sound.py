import io
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge.pipeline.filters.problem import Problem
from omniforge.pipeline.filters.sound import Sound, SoundConfig, check_sound
from omniforge.schemas.quarantine import REASONS

CONFIG = SoundConfig()


def speech(seconds=1.0, rate=16_000, level=0.3):
    """A tone whose loudness goes up and down about as syllables do."""
    t = np.arange(int(seconds * rate)) / rate
    return (level * np.sin(2 * np.pi * 220 * t) * (0.55 + 0.45 * np.sin(2 * np.pi * 3 * t))).astype(np.float32)


def encoded(samples, rate=16_000, format="WAV", subtype="PCM_16"):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=format, subtype=subtype)
    return buffer.getvalue()


def kept(data, config=CONFIG):
    outcome = check_sound(data, "speech", config)
    assert isinstance(outcome, Sound), outcome
    return outcome


def reason(data, config=CONFIG):
    outcome = check_sound(data, "speech", config)
    assert isinstance(outcome, Problem), outcome
    assert outcome.reason in REASONS
    return outcome.reason


def samples_of(sound):
    samples, rate = soundfile.read(io.BytesIO(sound.file.data), dtype="float32")
    assert rate == sound.file.sample_rate
    assert samples.ndim == 1
    return samples


def with_data_length(data, length, riff=None):
    at = data.index(b"data") + 4
    data = data[:at] + struct.pack("<I", length) + data[at + 4 :]
    return data if riff is None else data[:4] + struct.pack("<I", riff) + data[8:]


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 44_100, 48_000])
def test_every_rate_becomes_16_khz_with_the_same_length_and_level(rate):
    sound = kept(encoded(speech(1.5, rate), rate))
    assert sound.file.sample_rate == 16_000
    assert sound.file.seconds == pytest.approx(1.5, abs=0.002)
    assert samples_of(sound).std() == pytest.approx(speech(1.5).std(), rel=0.02)
    assert sound.repairs == (() if rate == 16_000 else ("sample_rate",))


def test_16_bit_mono_samples_are_kept_exactly():
    data = encoded(speech())
    original, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    stored, _ = soundfile.read(io.BytesIO(kept(data).file.data), dtype="int16")
    assert np.array_equal(original, stored)


def test_the_rate_is_configurable_and_the_bytes_are_the_same_each_time():
    config = SoundConfig(sample_rate=24_000)
    data = encoded(speech(1, 44_100), 44_100)
    assert kept(data, config).file.sample_rate == 24_000
    assert kept(data, config).file.data == kept(data, config).file.data


@pytest.mark.parametrize(
    "stereo",
    [
        lambda x: np.stack([x, x * 0.5], 1),
        lambda x: np.stack([x, -x], 1),
        lambda x: np.stack([x, np.zeros_like(x)], 1),
        lambda x: np.stack([np.zeros_like(x), np.zeros_like(x), x], 1),
    ],
    ids=["half level", "antiphase", "left only", "third of three"],
)
def test_several_channels_become_one_at_about_the_level_of_the_loud_one(stereo):
    sound = kept(encoded(stereo(speech())))
    assert sound.repairs == ("channels",)
    assert sound.file.channels == 1
    assert samples_of(sound).std() >= 0.7 * speech().std()


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT", "DOUBLE"])
def test_other_sample_formats_become_16_bits(subtype):
    sound = kept(encoded(speech(), subtype=subtype))
    assert sound.repairs == ("bit_depth",)
    assert np.abs(samples_of(sound) - speech()).max() < 0.01


def test_floats_over_full_scale_are_turned_down_not_wrapped():
    sound = kept(encoded(speech(level=2.5), subtype="FLOAT"))
    assert "out_of_range" in sound.repairs
    assert np.abs(samples_of(sound) - speech(level=2.5) / speech(level=2.5).max()).max() < 0.01


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_samples_that_are_no_numbers_are_refused(value):
    samples = speech()
    samples[500] = value
    assert reason(encoded(samples, subtype="FLOAT")) == "non_finite_samples"


def test_the_content_decides_and_not_the_name():
    for format, subtype in (("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("FLAC", "PCM_16"), ("AIFF", "PCM_16")):
        assert kept(encoded(speech(), format=format, subtype=subtype)).file.format == "flac"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty_media"),
        (encoded(np.zeros(0, np.float32)), "empty_media"),
        (b"some text that is no sound at all", "undecodable_audio"),
        (b"RIFF\x24\0\0\0WAVEfmt \x10\0\0", "undecodable_audio"),
        (np.random.default_rng(0).bytes(3_000), "undecodable_audio"),
        (encoded(np.zeros(32_000, np.float32)), "silence"),
        (encoded(np.full(32_000, 0.3, np.float32)), "silence"),
        (encoded(speech(0.01)), "too_short"),
        (encoded(np.clip(speech() * 20, -1, 1)), "clipping"),
        (encoded(np.clip(speech() * 20, -1, 1) * 0.4), "clipping"),
        (encoded(speech(), format="FLAC")[: len(encoded(speech(), format="FLAC")) // 2], "truncated_audio"),
        (encoded(speech())[:12_000], "truncated_audio"),
        (encoded(speech())[:60], "truncated_audio"),
    ],
)
def test_refused_with_its_reason(data, expected):
    assert reason(data) == expected


def test_a_data_chunk_of_length_zero_with_samples_behind_it_is_refused():
    assert reason(with_data_length(encoded(speech()), 0)) == "bad_header"


@pytest.mark.parametrize("length", [0xFFFFFFFF, 0x7FFFFFFF, 96_000])
def test_a_data_chunk_that_alone_claims_too_much_is_read_to_the_end_of_the_file(length):
    sound = kept(with_data_length(encoded(speech()), length))
    assert sound.repairs == ("bad_header",)
    assert sound.file.seconds == pytest.approx(1.0)


def test_a_streamed_header_with_both_lengths_unset_is_read_to_the_end_of_the_file():
    assert kept(with_data_length(encoded(speech()), 0xFFFFFFFF, riff=0xFFFFFFFF)).file.seconds == pytest.approx(1.0)


def test_an_absurd_sample_rate_is_refused():
    data = encoded(speech())
    assert reason(data[:24] + struct.pack("<I", 1_092_676) + data[28:]) == "undecodable_audio"


def test_a_damaged_flac_is_found_by_its_own_checksum():
    rng = np.random.default_rng(1)
    data = bytearray(encoded((speech(2) + 0.01 * rng.standard_normal(32_000)).astype(np.float32), format="FLAC"))
    data[30] ^= 0xFF
    assert reason(bytes(data)) == "undecodable_audio"


def test_half_an_hour_is_refused_by_default_without_decoding_it_and_accepted_if_configured():
    data = encoded(np.tile(speech(10, 8_000), 180), 8_000)
    assert reason(data) == "too_long"
    assert kept(data, SoundConfig(sample_rate=8_000, max_seconds=2_000)).file.seconds == pytest.approx(1_800)


def test_a_long_mp3_is_read_no_further_than_the_limit():
    assert reason(encoded(speech(5), format="MP3", subtype="MPEG_LAYER_III"), SoundConfig(max_seconds=2)) == "too_long"


def test_long_silence_at_the_ends_is_trimmed():
    silence = np.zeros(16_000 * 6, np.float32)
    sound = kept(encoded(np.concatenate([silence, speech(2), silence])))
    assert sound.repairs == ("trimmed_silence",)
    assert sound.file.seconds == pytest.approx(2.5, abs=0.1)


def test_a_quiet_recording_is_raised_and_its_own_peak_is_reported():
    sound = kept(encoded(speech(level=0.01)))
    assert sound.repairs == ("loudness",)
    assert sound.peak_db == pytest.approx(-40, abs=0.5)
    assert np.abs(samples_of(sound)).max() > 0.1


def test_a_clip_of_a_fifth_of_a_second_is_kept():
    assert kept(encoded(speech(0.2, 8_000), 8_000)).file.seconds == pytest.approx(0.2)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from([("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"), ("AIFF", "PCM_16")]),
    st.integers(0, 10**6),
    st.binary(min_size=1, max_size=12),
    st.floats(0.05, 1),
)
def test_damage_anywhere_never_raises(form, position, garbage, part):
    data = bytearray(encoded(speech(0.3), format=form[0], subtype=form[1]))
    at = min(position, position % len(data), position % 80) if position % 2 else position % len(data)
    data[at : at + len(garbage)] = garbage
    outcome = check_sound(bytes(data[: int(len(data) * part)]), "speech", CONFIG)
    assert isinstance(outcome, Sound) or outcome.reason in REASONS
