"""Fresh blocks that begin by adding little to what they read."""

import torch

from omniforge.trainer.model.layers import Block
from omniforge.trainer.model.transformer import Dream


def begin_quiet(model: Dream, factor: float, loud: int = 0) -> None:
    """Scale the matrices that write into the residual stream, all but those of the attention of the first `loud` layers.

    What a fresh block adds is noise: each one makes the embeddings harder to read for those above it and for the head. Quiet
    blocks let them through, and get a gradient all the same, from the first step on. (The published models of this kind that
    are trained from scratch begin with zeros there; the attention of a block stands still then until its output moves.)

    Args:
        model: A fresh model, changed in place.
        factor: On `o_proj` and `down_proj`.
        loud: Layers whose attention says something already (`nearness.exact_layers`).
    """
    with torch.no_grad():
        for number, block in enumerate(module for module in model.modules() if isinstance(module, Block)):
            block.mlp.down_proj.weight.mul_(factor)
            if number >= loud:
                block.self_attn.o_proj.weight.mul_(factor)
