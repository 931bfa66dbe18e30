"""AdamW with warm-up and cosine, and what is frozen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from omniforge.trainer.parallel import whole

_NO_DECAY = ("embed_tokens.weight",)
"""Besides vectors: the pad embedding gets no gradient, so decay would be all that ever changes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OptimizerConfig:
    """AdamW.

    Attributes:
        warmup: Share of a stage's steps in which the learning rate rises linearly from 0.
        final: Share of the peak learning rate that is left at the end of the cosine.
        betas: Of the running means.
        eps: Of the denominator.
        weight_decay: On matrices, embeddings excepted.
        clip: Largest norm of the whole gradient.
    """

    warmup: float = 0.03
    final: float = 0.1
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = 1e-8
    weight_decay: float = 0.1
    clip: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.warmup < 1 or not 0 <= self.final <= 1:
            raise ValueError(f"optimizer: warmup {self.warmup} and final {self.final} are shares between 0 and 1")
        if self.clip <= 0:
            raise ValueError(f"optimizer: clip is {self.clip}; it has to be above 0")


def freeze(model: nn.Module, prefixes: Sequence[str]) -> None:
    """Exclude parameters from training by the start of their names, such as `model.audio_model`; train all others."""
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(not name.startswith(tuple(prefixes)))


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """Make AdamW over what is not frozen; the learning rate is set in every step."""
    decayed: list[Tensor] = []
    others: list[Tensor] = []
    for name, parameter in model.named_parameters():
        if parameter.requires_grad:
            (others if parameter.ndim < 2 or name.endswith(_NO_DECAY) else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others, "weight_decay": 0.0}]
    # One pass over memory instead of a dozen: in small steps of a small model the update is otherwise a fifth of the time.
    return torch.optim.AdamW(groups, lr=0.0, betas=config.betas, eps=config.eps, fused=True)


def learning_rate(step: int, steps: int, peak: float, config: OptimizerConfig) -> float:
    """Return the learning rate of step `step`, counted from 0, of `steps`."""
    warmup = round(config.warmup * steps)
    if step < warmup:
        return peak * (step + 1) / (warmup + 1)
    progress = (step - warmup) / max(1, steps - warmup)
    return peak * (config.final + (1 - config.final) * 0.5 * (1 + math.cos(math.pi * progress)))


def set_learning_rate(optimizer: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all groups."""
    for group in optimizer.param_groups:
        group["lr"] = rate


def clip_gradient(model: nn.Module, limit: float) -> float:
    """Scale the gradient down to a norm of `limit`; return the norm it had, over all processes, not finite if it is broken."""
    return float(whole(nn.utils.clip_grad_norm_(model.parameters(), limit)))
