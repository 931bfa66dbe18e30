"""Sound: from the bytes of a source to a checked mono FLAC, or the reason why not."""

import hashlib
import io
from dataclasses import dataclass

import numpy as np
import soundfile
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from omniforge.pipeline.filters import loudness
from omniforge.pipeline.filters.problem import Problem
from omniforge.pipeline.filters.wave_header import WaveHeader, read_wave_header
from omniforge.schemas.record import MediaFile

Samples = NDArray[np.float32]

_CONTAINERS = ("WAV", "WAVEX", "RF64", "W64", "FLAC", "OGG", "MP3", "AIFF", "AU", "CAF")
_LOSSY = ("VORBIS", "OPUS", "MPEG_LAYER_I", "MPEG_LAYER_II", "MPEG_LAYER_III")
_FLAC_MD5 = slice(26, 42)
_BLOCK_SECONDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class SoundConfig:
    """Limits of sound, and what it is turned into.

    Seconds unless said otherwise; levels in dB below full scale. Memory is bounded by `max_seconds` and `max_channels`,
    whatever a header says. `max_edge_silence`: how much silence may stand at either end before it is cut to
    `kept_edge_silence`. `quiet_dbfs`: speech below this level is raised to `speech_dbfs`, as far as peaks allow.
    `max_clipped`: the greatest share of samples that may lie in flat tops. `max_missing`: the greatest share of its promised
    samples that a file may lack.
    """

    sample_rate: int = 16_000
    min_seconds: float = 0.1
    max_seconds: float = 120.0
    min_rate: int = 4_000
    max_rate: int = 192_000
    max_channels: int = 8
    silence_dbfs: float = -60.0
    max_edge_silence: float = 2.0
    kept_edge_silence: float = 0.25
    quiet_dbfs: float = -38.0
    speech_dbfs: float = -23.0
    peak_dbfs: float = -1.0
    max_clipped: float = 0.01
    max_missing: float = 0.02


@dataclass(frozen=True, slots=True)
class Sound:
    """A checked sound, the repairs it took, and its peak as recorded (dB below full scale)."""

    file: MediaFile
    repairs: tuple[str, ...]
    peak_db: float


@dataclass(frozen=True, slots=True)
class _Decoded:
    samples: Samples
    sample_rate: int
    subtype: str


def check_sound(data: bytes, role: str, config: SoundConfig) -> Sound | Problem:
    """Decode a sound by its content, judge it, and make it mono, 16 bits, at the configured rate.

    Args:
        data: the bytes as the source holds them; the format is found from them alone.
        role: what the sound is in its record, such as `speech`.
        config: the limits.

    Returns:
        The sound as FLAC with its repairs (`bad_header`, `channels`, `sample_rate`, `bit_depth`, `out_of_range`,
        `trimmed_silence`, `loudness`), or the problem.
    """
    if not data:
        return Problem("empty_media", "the sound has 0 bytes")
    header = read_wave_header(data)
    if header and (problem := _header_problem(header, data, config)):
        return problem
    decoded = _decode(data, header, config)
    if isinstance(decoded, Problem):
        return Problem(decoded.reason, decoded.detail, data)
    problem = _samples_problem(decoded, config)
    if problem:
        return Problem(problem.reason, problem.detail, data)
    return _convert(decoded, header, role, config)


def in_stored_form(data: bytes, role: str, config: SoundConfig) -> MediaFile | None:
    """Return a sound that passed `check_sound` as it lies there, if that is a shard's form: mono FLAC, 16 bits, its rate."""
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        form = (file.format, file.subtype, file.channels, file.samplerate)
        seconds = file.frames / file.samplerate
    if form != ("FLAC", "PCM_16", 1, config.sample_rate):
        return None
    return MediaFile(role=role, format="flac", data=data, sample_rate=config.sample_rate, seconds=seconds, channels=1)


def _header_problem(header: WaveHeader, data: bytes, config: SoundConfig) -> Problem | None:
    if not config.min_rate <= header.sample_rate <= config.max_rate:
        return Problem("undecodable_audio", f"declares {header.sample_rate} samples a second", data)
    if header.zero:
        return Problem("bad_header", f"the data chunk claims 0 bytes, {header.data_there} follow", data)
    if header.data_there == 0:
        return Problem("empty_media", "a header and no samples", data)
    if header.cut and header.data_there < (1 - config.max_missing) * header.data_claims:
        return Problem("truncated_audio", f"{header.data_there} of {header.data_claims} bytes of samples are there", data)
    return None


def _decode(data: bytes, header: WaveHeader | None, config: SoundConfig) -> _Decoded | Problem:
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            if file.format not in _CONTAINERS:
                return Problem("undecodable_audio", f"{file.format} is not read here")
            if not config.min_rate <= file.samplerate <= config.max_rate or file.channels > config.max_channels:
                return Problem("undecodable_audio", f"{file.channels} channels at {file.samplerate} Hz")
            if file.frames == 0:
                return Problem("empty_media", "a header and no samples")
            if file.frames > config.max_seconds * file.samplerate and (header or file.format == "FLAC"):
                return _too_long(file.frames / file.samplerate, config)
            promised = 0 if header else file.frames
            samples = _read(file, config)
            decoded = _Decoded(samples, file.samplerate, file.subtype)
            container = file.format
    except soundfile.LibsndfileError as error:
        reason = "truncated_audio" if "lost sync" in error.error_string else "undecodable_audio"
        return Problem(reason, f"libsndfile: {error.error_string}")
    if len(samples) > config.max_seconds * decoded.sample_rate:
        return _too_long(len(samples) / decoded.sample_rate, config)
    if len(samples) < (1 - config.max_missing) * promised < 2**40:
        return Problem("truncated_audio", f"{len(samples)} of {promised} promised samples are there")
    if container == "FLAC" and not _md5_holds(data, decoded):
        return Problem("undecodable_audio", "the samples do not match the MD5 in the FLAC header")
    return decoded


def _too_long(seconds: float, config: SoundConfig) -> Problem:
    return Problem("too_long", f"{seconds:.1f} s of sound, at most {config.max_seconds:g}")


def _read(file: soundfile.SoundFile, config: SoundConfig) -> Samples:
    """Read block by block up to one block over the limit: lengths in headers are claims, and memory must not hang on them."""
    blocks: list[Samples] = []
    wanted = int(config.max_seconds * file.samplerate) + 1
    while wanted > 0:
        block = file.read(min(wanted, _BLOCK_SECONDS * file.samplerate), dtype="float32", always_2d=True)
        if not len(block):
            break
        blocks.append(block)
        wanted -= len(block)
    return np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32)


def _md5_holds(data: bytes, decoded: _Decoded) -> bool:
    stored = data[_FLAC_MD5]
    if data[:4] != b"fLaC" or decoded.subtype != "PCM_16" or not any(stored):
        return True
    return hashlib.md5((decoded.samples * 32_768).astype("<i2").tobytes()).digest() == stored


def _samples_problem(decoded: _Decoded, config: SoundConfig) -> Problem | None:
    samples, rate = decoded.samples, decoded.sample_rate
    seconds = len(samples) / rate
    if not len(samples):
        return Problem("empty_media", "a header and no samples")
    if not np.isfinite(samples).all():
        return Problem("non_finite_samples", f"{int((~np.isfinite(samples)).sum())} samples are NaN or infinite")
    if seconds < config.min_seconds:
        return Problem("too_short", f"{seconds:.3f} s of sound, at least {config.min_seconds:g}")
    loudest = max(loudness.levels(channel, rate).max() for channel in samples.T)
    if loudest < config.silence_dbfs:
        return Problem("silence", f"nothing is louder than {loudest:.1f} dBFS, at least {config.silence_dbfs:g}")
    clipped = max(loudness.clipped_share(channel) for channel in samples.T)
    if clipped > config.max_clipped:
        return Problem("clipping", f"{clipped:.1%} of the samples are clipped, at most {config.max_clipped:.1%}")
    return None


def _convert(decoded: _Decoded, header: WaveHeader | None, role: str, config: SoundConfig) -> Sound | Problem:
    samples, rate = decoded.samples, decoded.sample_rate
    found: list[str] = ["bad_header"] if header and (header.streamed or header.too_long) else []
    if decoded.subtype != "PCM_16" and decoded.subtype not in _LOSSY:
        found.append("bit_depth")
    peak = float(np.abs(samples).max())
    if peak > 1:
        samples = samples / np.float32(peak)
        found.append("out_of_range")
    if samples.shape[1] > 1:
        found.append("channels")
    mono = loudness.to_mono(samples)
    if rate != config.sample_rate:
        mono = soxr.resample(mono, rate, config.sample_rate, quality="HQ")
        found.append("sample_rate")
    trimmed = loudness.trim(mono, config.sample_rate, config.silence_dbfs, config.max_edge_silence, config.kept_edge_silence)
    if len(trimmed) < len(mono):
        found.append("trimmed_silence")
    raised = loudness.raise_quiet(trimmed, config.sample_rate, config.quiet_dbfs, config.speech_dbfs, config.peak_dbfs)
    if raised is not trimmed:
        found.append("loudness")
    if len(raised) < config.min_seconds * config.sample_rate:
        return Problem("too_short", f"{len(raised) / config.sample_rate:.3f} s of sound, at least {config.min_seconds:g}")
    buffer = io.BytesIO()
    pcm = np.clip(np.rint(raised * 32_768), -32_768, 32_767).astype(np.int16)
    soundfile.write(buffer, pcm, config.sample_rate, format="FLAC", subtype="PCM_16")
    file = MediaFile(
        role=role,
        format="flac",
        data=buffer.getvalue(),
        sample_rate=config.sample_rate,
        seconds=len(pcm) / config.sample_rate,
        channels=1,
    )
    return Sound(file, tuple(found), loudness.decibels(peak))
