"""What the SenseVoice encoder hears: log-mel frames, seven stacked at every sixth, normalised."""

import re
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from omniforge.tokenizers.audio_backend import torchaudio

SAMPLE_RATE = 16_000
_MEL_BINS = 80
_WINDOW, _HOP = 400, 160
_STACKED, _STRIDE = 7, 6
FEATURE_SIZE = _MEL_BINS * _STACKED


@dataclass(frozen=True, slots=True, eq=False)
class Cmvn:
    """Normalisation of stacked frames, `(x + shift) * scale`; both float32 [560]."""

    shift: Tensor
    scale: Tensor


def read_cmvn(path: str | Path) -> Cmvn:
    """Read the Kaldi text file that is published beside the weights as `am.mvn`.

    Raises:
        ValueError: It is not there, or lacks its two rows of 560 numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"normalisation {path}: no such file. It is published beside the weights as am.mvn.")
    rows = []
    for name in ("AddShift", "Rescale"):
        found = re.search(rf"<{name}>[^<]*<LearnRateCoef>[^\[<]*\[([^\]]*)\]", path.read_text())
        numbers = [float(number) for number in found.group(1).split()] if found else []
        if len(numbers) != FEATURE_SIZE:
            raise ValueError(f"normalisation {path}: <{name}> has {len(numbers)} numbers, expected {FEATURE_SIZE}.")
        rows.append(torch.tensor(numbers))
    return Cmvn(*rows)


def frames(samples: int) -> int:
    """Return how many feature frames `samples` samples at 16 kHz give; 0 below 25 ms."""
    windows = max(0, 1 + (samples - _WINDOW) // _HOP)
    return -(-windows // _STRIDE)


def mel_frames(waveform: Tensor) -> Tensor:
    """Return Kaldi log-mel frames, float32 [T, 80], a frame each 10 ms over 25 ms; no dither, so they repeat.

    The reference adds random dither of one 16-bit step here (SPEC.md section 11).

    Args:
        waveform: Mono, 16 kHz, float32 in [-1, 1], [samples].

    Raises:
        ValueError: It is not one-dimensional, or shorter than one window of 25 ms.
    """
    if waveform.ndim != 1 or len(waveform) < _WINDOW:
        raise ValueError(f"speech of shape {tuple(waveform.shape)}: expected mono with at least {_WINDOW} samples at 16 kHz.")
    bands: Tensor = torchaudio.compliance.kaldi.fbank(
        waveform.float()[None] * (1 << 15),
        num_mel_bins=_MEL_BINS,
        sample_frequency=float(SAMPLE_RATE),
        frame_length=1000 * _WINDOW / SAMPLE_RATE,
        frame_shift=1000 * _HOP / SAMPLE_RATE,
        window_type="hamming",
        dither=0.0,
        energy_floor=0.0,
        snip_edges=True,
    )
    return bands


def stack(bands: Tensor) -> Tensor:
    """Stack frames `6j-3 .. 6j+3`, clamped to the first and last: [T, n] to [ceil(T/6), 7n] (low frame rate)."""
    middles = torch.arange(0, len(bands), _STRIDE, device=bands.device)
    offsets = torch.arange(_STACKED, device=bands.device) - _STACKED // 2
    return bands[(middles[:, None] + offsets).clamp(0, len(bands) - 1)].flatten(1)


def features(waveform: Tensor, cmvn: Cmvn) -> Tensor:
    """Return the encoder's input, float32 [frames(samples), 560] (SPEC.md section 7).

    Args:
        waveform: Mono (the mean of the channels), 16 kHz, float32 in [-1, 1], [samples].
        cmvn: Normalisation that belongs to the weights.

    Raises:
        ValueError: See `mel_frames`.
    """
    return (stack(mel_frames(waveform)) + cmvn.shift) * cmvn.scale
