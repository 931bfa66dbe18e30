import math

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from omniforge.tokenizers.evaluation.picture_quality import psnr, ssim


def _noise(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, 40, 32, generator=torch.Generator().manual_seed(seed)) * 2 - 1


def test_psnr_is_what_its_definition_gives() -> None:
    original = _noise(0) * 0.5
    assert psnr(original + 0.1, original) == pytest.approx(10 * math.log10(4 / 0.01), abs=1e-4)
    assert psnr(original, original) == pytest.approx(100)


def test_ssim_agrees_with_one_computed_from_another_librarys_gaussian_filter() -> None:
    made, original = _noise(1), 0.7 * _noise(1) + 0.3 * _noise(2)

    def smooth(channel: np.ndarray) -> np.ndarray:
        # Truncated at 3.5 sigma scipy's filter is 11 wide; what it makes up beyond the border is cut off.
        return gaussian_filter(channel, 1.5, truncate=3.5)[5:-5, 5:-5]

    values = []
    for a, b in zip(made[0].double().numpy(), original[0].double().numpy(), strict=True):
        mean_a, mean_b, one, two = smooth(a), smooth(b), 0.02**2, 0.06**2
        spread = smooth(a * a) - mean_a**2 + smooth(b * b) - mean_b**2
        together = smooth(a * b) - mean_a * mean_b
        brightness = (2 * mean_a * mean_b + one) / (mean_a**2 + mean_b**2 + one)
        values.append(brightness * (2 * together + two) / (spread + two))
    assert ssim(made, original) == pytest.approx(np.mean(values), abs=1e-9)
    assert ssim(original, original) == pytest.approx(1)


def test_ssim_refuses_pictures_that_its_window_does_not_fit() -> None:
    with pytest.raises(ValueError, match="of 11 or more"):
        ssim(torch.zeros(1, 3, 10, 10), torch.zeros(1, 3, 10, 10))
