import math

import pytest
import torch
from torch import nn

from omniforge.tokenizers.magvit2.losses import (
    commitment_loss,
    discriminator_loss,
    entropy_loss,
    perceptual_loss,
    reconstruction_loss,
)


def test_entropy_loss_equals_the_sum_over_all_codes_written_out() -> None:
    latents = torch.randn(2, 5, 3, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    codes = torch.arange(32)
    signs = ((codes[:, None] >> torch.arange(4, -1, -1)) & 1).double() * 2 - 1
    positions = latents.movedim(1, -1).reshape(-1, 5)
    posterior = torch.softmax(-(positions[:, None] - signs).square().sum(-1), dim=1)
    average = posterior.mean(0)
    expected = -(posterior * posterior.log()).sum(1).mean() + (average * average.log()).sum()
    torch.testing.assert_close(entropy_loss(latents), expected.float(), atol=1e-5, rtol=0)


def test_entropy_loss_is_least_where_certain_codes_are_all_in_use() -> None:
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 4).T[None, :, :, None]
    assert entropy_loss(10 * signs).item() == pytest.approx(-4 * math.log(2), abs=1e-4)
    assert entropy_loss(10 * torch.ones_like(signs)).item() == pytest.approx(0, abs=1e-4)


def test_commitment_loss_moves_the_latents_alone() -> None:
    latents, quantized = torch.tensor([0.5], requires_grad=True), torch.tensor([1.0], requires_grad=True)
    commitment_loss(latents, quantized).backward()
    assert latents.grad is not None
    assert quantized.grad is None


def test_losses_of_equal_pictures_are_zero() -> None:
    pixels = torch.rand(2, 3, 16, 16)
    network = nn.Conv2d(3, 4, 3)
    assert reconstruction_loss(pixels, pixels).item() == 0
    assert perceptual_loss(network, pixels, pixels).item() == 0


def test_an_error_of_colour_costs_more_than_one_of_brightness() -> None:
    grey = torch.zeros(1, 3, 4, 4)
    tinted = torch.tensor([0.3, -0.3, 0.0])[None, :, None, None].expand_as(grey)
    brighter = torch.full_like(grey, 0.06**0.5)
    assert reconstruction_loss(tinted, grey) > 2 * reconstruction_loss(brighter, grey)


def test_a_discriminator_that_is_right_by_a_margin_has_no_loss() -> None:
    assert discriminator_loss(torch.full((2, 1), 1.5), torch.full((2, 1), -1.0)).item() == 0
    assert discriminator_loss(torch.zeros(2, 1), torch.zeros(2, 1)).item() == 1
