"""Compile what works on each position by itself, where that is worth its seconds at the start."""

import torch

from omniforge.trainer.model.layers import GatedMLP, RMSNorm
from omniforge.trainer.model.transformer import Dream


def compile_positions(model: Dream) -> None:
    """Compile norms and MLPs in place; names of parameters stay as they are.

    They are most of what is not a matrix product, and their shapes are those of a micro-batch, always the same. Attention is
    not among them: its documents have other lengths in every batch.
    """
    for module in model.modules():
        if isinstance(module, GatedMLP | RMSNorm):
            torch.nn.Module.compile(module, dynamic=False)
