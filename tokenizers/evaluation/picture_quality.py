"""How near a decoded picture is to its original."""

import torch
from torch import Tensor
from torch.nn import functional

_RANGE = 2.0
_WINDOW, _SIGMA = 11, 1.5
_STABLE = ((0.01 * _RANGE) ** 2, (0.03 * _RANGE) ** 2)


def psnr(made: Tensor, original: Tensor) -> float:
    """Peak signal-to-noise ratio in dB of pixels in [-1, 1] of any equal shape; 100 where they are equal."""
    error = (made - original).square().mean().item()
    return float(10 * torch.log10(torch.tensor(_RANGE**2 / max(error, _RANGE**2 * 1e-10))))


def ssim(made: Tensor, original: Tensor) -> float:
    """Structural similarity, averaged over channels and over all places where the window fits; 1 for equal pictures.

    Gaussian window of 11 x 11 with sigma 1.5, K1 = 0.01, K2 = 0.03 (Wang et al., "Image quality assessment: from error
    visibility to structural similarity", IEEE Transactions on Image Processing 13(4), 2004).

    Args:
        made: Pixels [B, C, H, W] in [-1, 1], sides of at least 11.
        original: As `made`.

    Raises:
        ValueError: Shapes differ, or a side is too short for the window.
    """
    if made.shape != original.shape or made.ndim != 4 or min(made.shape[2:]) < _WINDOW:
        raise ValueError(
            f"ssim of {tuple(made.shape)} and {tuple(original.shape)}: give equal shapes [B, C, H, W] of {_WINDOW} or more."
        )
    mean_a, mean_b = _smoothed(made), _smoothed(original)
    variance_a = _smoothed(made.double().square()) - mean_a.square()
    variance_b = _smoothed(original.double().square()) - mean_b.square()
    covariance = _smoothed(made.double() * original.double()) - mean_a * mean_b
    brightness = (2 * mean_a * mean_b + _STABLE[0]) / (mean_a.square() + mean_b.square() + _STABLE[0])
    structure = (2 * covariance + _STABLE[1]) / (variance_a + variance_b + _STABLE[1])
    return float((brightness * structure).mean())


def _smoothed(values: Tensor) -> Tensor:
    place = torch.arange(_WINDOW, dtype=torch.float64) - _WINDOW // 2
    weights = torch.exp(-place.square() / (2 * _SIGMA**2))
    weights = weights / weights.sum()
    channels = values.shape[1]
    rows = functional.conv2d(values.double(), weights.view(1, 1, -1, 1).expand(channels, 1, -1, 1), groups=channels)
    return functional.conv2d(rows, weights.view(1, 1, 1, -1).expand(channels, 1, 1, -1), groups=channels)
