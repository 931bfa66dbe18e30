"""Losses of the vocoder's training and the pitch it learns from."""

import torch
from torch import Tensor
from torch.nn import functional

_RESOLUTIONS = ((512, 128), (1024, 256), (2048, 512))
_PITCH_WINDOW = 1024
_LOWEST, _HIGHEST = 70.0, 500.0
_VOICED_CORRELATION = 0.4
_SILENCE = 1e-4


def _magnitude(wave: Tensor, n_fft: int, hop: int) -> Tensor:
    spectrum = torch.stft(wave, n_fft, hop, window=torch.hann_window(n_fft), return_complex=True)
    return (spectrum.real.square() + spectrum.imag.square()).clamp(min=1e-8).sqrt()


def multi_resolution_stft_loss(made: Tensor, wanted: Tensor) -> Tensor:
    """Compare magnitudes at three resolutions: spectral convergence plus L1 of logarithms (arXiv 1910.11480).

    Args:
        made: Waveforms, [batch, samples], at least 1,024 samples.
        wanted: Waveforms of the same shape.

    Returns:
        The mean over the resolutions, a scalar.
    """
    losses = []
    for n_fft, hop in _RESOLUTIONS:
        ours, theirs = _magnitude(made, n_fft, hop), _magnitude(wanted, n_fft, hop)
        convergence = (theirs - ours).norm(dim=(1, 2)) / theirs.norm(dim=(1, 2)).clamp(min=1e-2)
        losses.append(convergence.mean() + functional.l1_loss(ours.log(), theirs.log()))
    return torch.stack(losses).mean()


def estimate_f0(wave: Tensor, rate: int, hop: int) -> Tensor:
    """Estimate the pitch between 70 and 500 Hz by the normalised autocorrelation of Hann windows.

    Args:
        wave: Samples, [samples].
        rate: Samples a second.
        hop: Samples from one estimate to the next.

    Returns:
        Hertz, [samples // hop], 0 where the sound is unvoiced or silent.
    """
    frames = wave.numel() // hop
    window = torch.hann_window(_PITCH_WINDOW)
    margin = (_PITCH_WINDOW - hop) // 2
    padded = functional.pad(wave, (margin, margin + hop))
    windows = padded.unfold(0, _PITCH_WINDOW, hop)[:frames] * window

    def autocorrelation(x: Tensor) -> Tensor:
        power = torch.fft.rfft(x, 2 * _PITCH_WINDOW).abs().square()
        lags: Tensor = torch.fft.irfft(power)[..., :_PITCH_WINDOW]
        return lags

    correlation = autocorrelation(windows)
    shape = autocorrelation(window)
    energy = correlation[:, :1]
    shortest, longest = int(rate / _HIGHEST), int(rate / _LOWEST)
    lags = torch.arange(shortest, longest)
    normalised = correlation / energy.clamp(min=1e-9) / (shape / shape[0]).clamp(min=1e-3)
    # A multiple of the period correlates as well as the period: the small slope decides for the shorter.
    best = (normalised[:, lags] - 0.1 * torch.log2(lags / shortest)).argmax(dim=1) + shortest
    rows = torch.arange(frames)
    left, middle, right = (normalised[rows, best + step] for step in (-1, 0, 1))
    curvature = (left - 2 * middle + right).clamp(max=-1e-6)
    period = best + 0.5 * (left - right) / curvature
    loud = energy[:, 0] > 1e-5 * shape[0]
    loud &= energy[:, 0] > _SILENCE * energy.max()
    return torch.where((middle > _VOICED_CORRELATION) & loud, rate / period, 0.0)
