"""Speech as it is kept: 16-bit samples at 16 kHz, packed as FLAC without loss."""

import io

import numpy as np
import numpy.typing as npt
import soundfile

from omniforge.synth.roundtrip import SAMPLE_RATE

_STEPS = 32768


def to_16_bit(samples: npt.NDArray[np.floating]) -> npt.NDArray[np.float32]:
    """Round float samples in [-1, 1] to what 16 bits hold, so that what is judged is exactly what is stored."""
    integers = np.clip(np.round(samples * _STEPS), -_STEPS, _STEPS - 1)
    return np.asarray(integers / _STEPS + 0.0, np.float32)  # adding turns -0.0, which integers do not have, into 0.0


def encode_flac(samples: npt.NDArray[np.float32]) -> bytes:
    """Pack one sample or more that `to_16_bit` made as mono FLAC at 16 kHz.

    They are handed over as integers, because libsndfile scales floats by 32,767.
    """
    file = io.BytesIO()
    integers = np.round(samples * _STEPS).astype(np.int16)
    soundfile.write(file, integers, SAMPLE_RATE, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def decode_flac(data: bytes) -> npt.NDArray[np.float32]:
    """Unpack what `encode_flac` packed, sample for sample."""
    samples, _ = soundfile.read(io.BytesIO(data), dtype="int16")
    return np.asarray(samples / np.float32(_STEPS), np.float32)
