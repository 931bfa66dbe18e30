"""Templates of responses: what is to be filled in, and what is there from the start."""

import torch
from torch import Tensor


def blank(length: int, mask_id: int) -> Tensor:
    """Return a (length,) response of masks alone.

    Raises:
        ValueError: The length is not positive.
    """
    if length < 1:
        raise ValueError(f"sampling: a response of {length} tokens has nothing to fill in; ask for at least 1")
    return torch.full((length,), mask_id)


def prefill(response: Tensor, token: int, prompt_length: int, fraction: float = 0.2) -> Tensor:
    """Put `token` at `fraction` of a (length,) response, such as a begin-of-speech tag that divides text from speech.

    The place is int(prompt_length + fraction * length), counted from the prompt's start as in the reference (SPEC.md
    section 4).

    Raises:
        ValueError: The fraction is outside [0, 1).
    """
    if not 0 <= fraction < 1:
        raise ValueError(f"sampling: prefill fraction {fraction} is outside [0, 1)")
    place = int(prompt_length + fraction * len(response)) - prompt_length
    filled = response.clone()
    filled[place] = token
    return filled


def inpaint(ids: Tensor, renew: Tensor, mask_id: int) -> Tensor:
    """Keep (length,) ids except where the bool `renew` says that a new token is wanted.

    Raises:
        ValueError: The shapes differ, or nothing is to be renewed.
    """
    if ids.shape != renew.shape or not bool(renew.any()):
        raise ValueError(
            f"inpainting: {int(renew.sum())} of {len(ids)} positions are to be renewed, marked by {len(renew)} flags; "
            "give one flag for each id and renew at least one"
        )
    return torch.where(renew, mask_id, ids)
