"""What a picture tokenizer is trained to make small.

Lookup-free quantisation: Yu et al., "Language Model Beats Diffusion: Tokenizer is Key to Visual Generation"
(arXiv 2310.05737), section 3.1. Adversarial terms: Esser et al., "Taming Transformers" (arXiv 2012.09841).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

_COLOUR = 2.0


def reconstruction_loss(pixels: Tensor, target: Tensor) -> Tensor:
    """Return absolute plus squared error of pixels [B, 3, H, W], and twice that of their colour alone.

    Absolute error keeps edges, squared error is PSNR. Colour, what is left of a pixel without its mean over the channels,
    is a small part of the error, and small networks trained without the weight draw every shape in the same brown.
    """
    colour, target_colour = (value - value.mean(1, keepdim=True) for value in (pixels, target))
    shape = F.l1_loss(pixels, target) + F.mse_loss(pixels, target)
    return shape + _COLOUR * (F.l1_loss(colour, target_colour) + F.mse_loss(colour, target_colour))


def commitment_loss(latents: Tensor, quantized: Tensor) -> Tensor:
    """Return the squared distance of latents [B, bits, h, w] from the +1 and -1 that they became."""
    return F.mse_loss(latents, quantized.detach())


def entropy_loss(latents: Tensor) -> Tensor:
    """Return E[H(code | latent)] - H(E[code]) in nats: small when codes are certain, and all of them in use.

    With distances to +1 and -1 as energies at temperature 1, a bit is set with probability sigmoid(4 z), independently
    of the others. The average over positions is over whole codes, exactly: the upper and lower halves of the bits are
    independent given the position, so it is one matrix product.

    Args:
        latents: Float [B, bits, h, w], before quantisation.
    """
    logits = 4 * latents.float().movedim(1, -1).flatten(0, -2)
    probabilities = torch.sigmoid(logits)
    certain = F.binary_cross_entropy_with_logits(logits, probabilities, reduction="none").sum(1).mean()
    split = logits.shape[1] // 2
    upper, lower = _joint(probabilities[:, :split]), _joint(probabilities[:, split:])
    average = upper.T @ lower / len(logits)
    negative_spread: Tensor = torch.special.xlogy(average, average.clamp_min(1e-12)).sum()
    return certain + negative_spread


def _joint(probabilities: Tensor) -> Tensor:
    """Return the probabilities [N, 2**k] of all codes of k independent bits [N, k], first bit most significant."""
    joint = probabilities.new_ones(len(probabilities), 1)
    for bit in probabilities.unbind(1):
        joint = torch.stack((joint * (1 - bit[:, None]), joint * bit[:, None]), dim=-1).flatten(1)
    return joint


def perceptual_loss(network: torch.nn.Module, pixels: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared distance between the unit-length features of `network` (a tensor or a list of them)."""
    with torch.no_grad():
        wanted = network(target)
    made = network(pixels)
    if isinstance(made, Tensor):
        wanted, made = [wanted], [made]
    distances = [F.mse_loss(F.normalize(m, dim=1), F.normalize(w, dim=1)) for m, w in zip(made, wanted, strict=True)]
    return torch.stack(distances).mean()


def discriminator_loss(real: Tensor, made: Tensor) -> Tensor:
    """Return the hinge loss of patch scores of real and of made pictures, any equal shape."""
    return (F.relu(1 - real).mean() + F.relu(1 + made).mean()) / 2


def adversarial_loss(made: Tensor) -> Tensor:
    """Return what the decoder makes small: minus the mean patch score of its pictures."""
    return -made.mean()
