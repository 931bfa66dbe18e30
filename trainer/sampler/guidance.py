"""Classifier-free guidance: what the prompt adds to a prediction, exaggerated."""

from collections.abc import Sequence

import torch
from torch import Tensor

from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.sampler.denoiser import predict


def guide(conditional: Tensor, unconditional: Tensor, guidance: float) -> Tensor:
    """Return u + (guidance + 1) * (c - u)."""
    return unconditional + (guidance + 1) * (conditional - unconditional)


def guided_predict(
    model: Dream,
    prompts: Sequence[Tensor],
    unconditional_prompts: Sequence[Tensor],
    responses: Sequence[Tensor],
    wanted: Sequence[Tensor],
    guidance: float,
    *,
    misaligned: bool,
) -> list[Tensor]:
    """Predict with and without the prompt in one batch, and combine.

    Each response token is compared with the same response token behind the unconditional prompt. The reference instead
    compares equal absolute positions, and fills a shorter unconditional sequence up with zero vectors that are attended
    to (SPEC.md section 4); `misaligned` does that.

    Args:
        model: In evaluation mode.
        prompts: (prompt, hidden_size) embeddings of each row.
        unconditional_prompts: The same for the prompts to compare with.
        responses: (response, hidden_size) embeddings of each row.
        wanted: (positions,) int64 absolute positions behind the conditional prompt.
        guidance: Strength.
        misaligned: Whether to reproduce the reference.

    Raises:
        ValueError: `misaligned`, and an unconditional prompt is longer than the prompt.
    """
    conditional = [torch.cat(parts) for parts in zip(prompts, responses, strict=True)]
    unconditional = [torch.cat(parts) for parts in zip(unconditional_prompts, responses, strict=True)]
    elsewhere = list(wanted)
    if misaligned:
        unconditional = [_fill_up(alone, len(whole)) for alone, whole in zip(unconditional, conditional, strict=True)]
    else:
        elsewhere = [
            positions - len(prompt) + len(alone)
            for positions, prompt, alone in zip(wanted, prompts, unconditional_prompts, strict=True)
        ]
    logits = predict(model, conditional + unconditional, [*wanted, *elsewhere])
    rows = len(prompts)
    return [guide(with_, without, guidance) for with_, without in zip(logits[:rows], logits[rows:], strict=True)]


def _fill_up(sequence: Tensor, length: int) -> Tensor:
    if len(sequence) > length:
        raise ValueError(
            f"guidance: the unconditional prompt is {len(sequence) - length} tokens longer than the prompt, which the "
            "reference cannot do; shorten it, or sample without `reference`"
        )
    return torch.cat((sequence, sequence.new_zeros(length - len(sequence), sequence.shape[1])))
