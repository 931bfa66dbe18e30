"""The training loop shared by the three stages: resumable, checkpointed atomically, the same batches after a resume."""

import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

_LOG = logging.getLogger(__name__)
_MAX_GRADIENT = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """How a stage is optimised: AdamW with linear warm-up and cosine decay to a twentieth.

    Attributes:
        steps: Steps in all, also across resumes; 0 leaves a stage out.
        learning_rate: The highest rate.
        warmup: Steps of rising rate.
        checkpoint_every: Steps between checkpoints.
    """

    steps: int
    learning_rate: float
    warmup: int = 200
    checkpoint_every: int = 250

    def __post_init__(self) -> None:
        if self.steps < 0:
            raise ValueError(f"steps is {self.steps}; give at least 1, or 0 to leave the stage out")
        for name in ("learning_rate", "warmup", "checkpoint_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it has to be positive")

    def rate(self, step: int) -> float:
        """Learning rate at a step counted from 0."""
        rise = min(1.0, (step + 1) / self.warmup)
        fall = 0.5 * (1 + math.cos(math.pi * min(1.0, step / self.steps)))
        return self.learning_rate * rise * (0.05 + 0.95 * fall)


def save_atomically(path: Path, content: Mapping[str, object]) -> None:
    """Write a torch file under another name and move it into place, so that a kill leaves the old or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    torch.save(dict(content), partial)
    partial.replace(path)


def train_stage(
    model: nn.Module,
    losses: Callable[[torch.Generator], Mapping[str, Tensor]],
    schedule: Schedule,
    checkpoint: Path,
    *,
    seed: int,
    resume: bool,
) -> None:
    """Optimise `model` in place on the sum of the losses.

    Args:
        model: What is trained and checkpointed.
        losses: Draws a batch with the given generator and returns named scalars, already weighted.
        schedule: Steps and rates.
        checkpoint: File that is written, and read when resuming.
        seed: Every step draws from a generator seeded by this and the step, so a resumed run sees the same batches.
        resume: Continue from `checkpoint` when it exists.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=schedule.learning_rate, betas=(0.9, 0.98), weight_decay=0.01)
    start = 0
    if resume and checkpoint.is_file():
        saved = torch.load(checkpoint, weights_only=True)
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
        start = saved["step"]
        _LOG.info("%s: resumed at step %d", checkpoint.stem, start)
    model.train()
    running: dict[str, float] = {}
    for step in range(start, schedule.steps):
        for group in optimizer.param_groups:
            group["lr"] = schedule.rate(step)
        named = losses(torch.Generator().manual_seed(seed * 1_000_003 + step))
        optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(torch.stack(list(named.values())).sum())
        nn.utils.clip_grad_norm_(model.parameters(), _MAX_GRADIENT)
        optimizer.step()
        for name, value in named.items():
            running[name] = 0.98 * running.get(name, value.item()) + 0.02 * value.item()
        done = step + 1
        if done % schedule.checkpoint_every == 0 or done == schedule.steps:
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "step": done}
            save_atomically(checkpoint, state)
            values = ", ".join(f"{name} {value:.4f}" for name, value in running.items())
            _LOG.info("%s: step %d of %d: %s", checkpoint.stem, done, schedule.steps, values)
    model.eval()
