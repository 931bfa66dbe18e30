"""Measures and repairs of level: silence, clipping, quiet recordings, channels that cancel."""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FLOOR = 1e-6
_FRAME_SECONDS = 0.02
_FLAT_RUN = 3
_MIN_STEPS = 16
_ACTIVE_BELOW_LOUDEST = 40.0
_DEAD_CHANNEL = 0.01
_CANCELLED = 0.3


def decibels(amplitude: float) -> float:
    """Turn an amplitude, 1 being full scale, into dB; -120 at the least."""
    return float(20 * np.log10(max(amplitude, _FLOOR)))


def levels(mono: Samples, sample_rate: int) -> NDArray[np.float64]:
    """Level of each 20 ms of a channel in dB below full scale, without its direct-current offset; at least one value."""
    frame = max(1, int(_FRAME_SECONDS * sample_rate))
    centred = mono.astype(np.float64) - mono.mean(dtype=np.float64)
    whole = np.pad(centred, (0, -len(centred) % frame)).reshape(-1, frame)
    return np.asarray(20 * np.log10(np.maximum(np.sqrt((whole**2).mean(axis=1)), _FLOOR)))


def clipped_share(mono: Samples) -> float:
    """Share of samples that lie in flat tops: three or more equal samples in a row at the extreme of the channel.

    A channel that was clipped and turned down later is found as well. Extremes of fewer than 16 steps of an 8-bit
    converter are left alone: there, equal neighbours are coarse steps.
    """
    highest, lowest = float(mono.max()), float(mono.min())
    if max(highest, -lowest) < _MIN_STEPS / 128:
        return 0.0
    at_top = (mono >= highest) if highest > 0 else np.zeros(len(mono), bool)
    at_bottom = (mono <= lowest) if lowest < 0 else np.zeros(len(mono), bool)
    return max(_in_runs(at_top), _in_runs(at_bottom)) if len(mono) else 0.0


def _in_runs(flags: NDArray[np.bool_]) -> float:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    lengths = edges[1::2] - edges[::2]
    return float(lengths[lengths >= _FLAT_RUN].sum() / len(flags))


def to_mono(samples: Samples) -> Samples:
    """Make one channel of several.

    A channel 40 dB below the loudest counts as dead and is left out, so that the live one keeps its level. Where the rest
    cancel each other (opposite phase), the loudest is taken. Otherwise their mean.

    Args:
        samples: float32 of shape (samples, channels).

    Returns:
        float32 of shape (samples,).
    """
    strength = np.sqrt((samples.astype(np.float64) ** 2).mean(axis=0))
    loudest = int(strength.argmax())
    mean = samples[:, strength > _DEAD_CHANNEL * strength[loudest]].mean(axis=1, dtype=np.float64)
    if np.sqrt((mean**2).mean()) < _CANCELLED * strength[loudest]:
        return np.ascontiguousarray(samples[:, loudest])
    return np.asarray(mean, np.float32)


def trim(mono: Samples, sample_rate: int, silence_dbfs: float, longest: float, kept: float) -> Samples:
    """Cut silence at either end to `kept` seconds where it is longer than `longest` seconds.

    Silent is what lies below `silence_dbfs`, or 40 dB below the loudest moment in a noisy recording.
    """
    level = levels(mono, sample_rate)
    active = np.flatnonzero(level > max(silence_dbfs, level.max() - _ACTIVE_BELOW_LOUDEST))
    if not len(active):
        return mono
    frame = max(1, int(_FRAME_SECONDS * sample_rate))
    first, last = int(active[0]) * frame, min(len(mono), (int(active[-1]) + 1) * frame)
    margin = int(kept * sample_rate)
    start = first - margin if first > longest * sample_rate else 0
    stop = last + margin if len(mono) - last > longest * sample_rate else len(mono)
    return mono if (start, stop) == (0, len(mono)) else mono[start:stop]


def raise_quiet(mono: Samples, sample_rate: int, quiet_dbfs: float, speech_dbfs: float, peak_dbfs: float) -> Samples:
    """Raise a quiet recording to `speech_dbfs`, so far as its peak stays below `peak_dbfs`; a loud one is returned as it is.

    The level is the mean power of the active moments (those less than 40 dB below the loudest).
    """
    level = levels(mono, sample_rate)
    active = level[level > level.max() - _ACTIVE_BELOW_LOUDEST]
    speech = float(10 * np.log10(np.mean(10 ** (active / 10))))
    if speech >= quiet_dbfs:
        return mono
    gain = min(speech_dbfs - speech, peak_dbfs - decibels(float(np.abs(mono).max())))
    return (mono * np.float32(10 ** (gain / 20))).astype(np.float32) if gain > 0 else mono
