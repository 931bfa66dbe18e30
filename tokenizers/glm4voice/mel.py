"""Spectrograms of the speech tokenizer (Whisper log-mel, 16 kHz) and of its decoder (80 mels, 22,050 Hz); resampling."""

import functools

import numpy as np
import torch
from librosa.filters import mel as librosa_mel
from torch import Tensor
from torch.nn import functional

from omniforge.tokenizers.audio_backend import torchaudio

SAMPLE_RATE = 16_000
HOP = 160
OUTPUT_RATE = 22_050
OUTPUT_HOP = 256
_N_FFT = 400
_OUTPUT_N_FFT = 1024


def resample(wave: Tensor, source_rate: int, target_rate: int) -> Tensor:
    """Resample [..., samples] with torchaudio's default windowed sinc (hann, width 6, rolloff 0.99), as the reference."""
    resampled: Tensor = torchaudio.functional.resample(wave, source_rate, target_rate)
    return resampled


@functools.cache
def mel_filters(rate: int, n_fft: int, mels: int, highest: float) -> Tensor:
    """Return the Slaney mel filters with Slaney normalisation from 0 to `highest` hertz, [mels, n_fft // 2 + 1]."""
    filters = librosa_mel(sr=rate, n_fft=n_fft, n_mels=mels, fmin=0.0, fmax=highest)
    return torch.from_numpy(filters.astype(np.float32))


def log_mel(waves: Tensor, mels: int) -> Tensor:
    """Compute Whisper's log-mel spectrogram (transformers WhisperFeatureExtractor; SPEC.md section 6).

    Args:
        waves: Samples at 16 kHz, [batch, samples], samples a multiple of 160 and above 200.
        mels: Number of mel bins (128 for the published model).

    Returns:
        Features, [batch, mels, samples // 160], about -1..1.5; the floor is 8 decades below the item's maximum.
    """
    window = torch.hann_window(_N_FFT, device=waves.device)
    spectrum = torch.stft(waves, _N_FFT, HOP, window=window, center=True, pad_mode="reflect", return_complex=True)
    power = spectrum[..., :-1].abs().square()
    filters = mel_filters(SAMPLE_RATE, _N_FFT, mels, SAMPLE_RATE / 2).to(waves.device)
    logarithm = (filters @ power).clamp(min=1e-10).log10()
    floor = logarithm.amax(dim=(1, 2), keepdim=True) - 8.0
    return (torch.maximum(logarithm, floor) + 4.0) / 4.0


def output_mel(waves: Tensor, mels: int, *, hop: float = OUTPUT_HOP, frames: int | None = None) -> Tensor:
    """Compute the natural-log mel spectrogram that the decoder makes (CosyVoice's 22,050 Hz feature extractor).

    Args:
        waves: Samples at 22,050 Hz, [batch, samples].
        mels: Number of mel bins between 0 and 8,000 Hz.
        hop: Samples from one frame to the next; a fraction is rounded frame by frame.
        frames: Number of frames, zeros following the samples where they end; samples // hop when None.

    Returns:
        Log amplitudes, [batch, mels, frames], at least log(1e-5).
    """
    count = int(waves.shape[-1] // hop) if frames is None else frames
    starts = torch.round(torch.arange(count, device=waves.device) * hop).long()
    before = (_OUTPUT_N_FFT - OUTPUT_HOP) // 2
    after = max(0, int(starts[-1]) + _OUTPUT_N_FFT - before - waves.shape[-1])
    padded = functional.pad(waves, (before, after))
    window = torch.hann_window(_OUTPUT_N_FFT, device=waves.device)
    windows = padded[:, starts[:, None] + torch.arange(_OUTPUT_N_FFT, device=waves.device)] * window
    amplitude = torch.fft.rfft(windows).abs().transpose(1, 2)
    filters = mel_filters(OUTPUT_RATE, _OUTPUT_N_FFT, mels, 8000.0).to(waves.device)
    mel: Tensor = (filters @ amplitude).clamp(min=1e-5).log()
    return mel
