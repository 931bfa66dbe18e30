"""Where the training of the velocity estimator starts: at the flow that leads straight to mu."""

import math
from typing import Any

import torch
from torch import Tensor

from omniforge.tokenizers.glm4voice.flow_estimator import VelocityEstimator
from omniforge.tokenizers.glm4voice.flow_layers import TransformerBlock

_BRANCH = 0.1
# Mish is nearly the identity where its argument is 3 +- 4 * 0.4.
_OFFSET, _SPREAD = 3.0, 0.4


def start_straight(estimator: VelocityEstimator) -> None:
    """Set weights in place so that the velocity is about (mu - x), scaled to the spread of a straight path's velocity.

    The flow's target, mel - noise, has spread sqrt(2) at every time, and mu - x points the same way while mu is near the
    mel; GroupNorm does the scaling. All other branches start small. From random weights a small estimator needs
    thousands of steps to find this.

    Raises:
        ValueError: The first level is narrower than the mel.
    """
    parts: Any = estimator
    first, last = parts.down_blocks[0], parts.up_blocks[-1]
    mels = parts.final_proj.out_channels
    width = parts.final_proj.in_channels
    if width < mels:
        raise ValueError(f"the estimator's first level has {width} channels, the mel {mels}: give at least as many.")
    index = torch.arange(mels)
    with torch.no_grad():
        for module in parts.modules():
            if isinstance(module, TransformerBlock):
                block: Any = module
                block.attn1.to_out[0].weight.mul_(_BRANCH)
                block.ff.net[2].weight.mul_(_BRANCH)
        for resnet in (first[0], last[0]):
            resnet.block2.block[1].weight.mul_(_BRANCH)
            resnet.res_conv.weight.mul_(_BRANCH)
            resnet.res_conv.bias.zero_()
        entry, exit_ = first[0].res_conv.weight, last[0].res_conv.weight
        entry[:mels] = 0
        entry[index, index] = -1
        entry[index, mels + index] = 1
        # The second half of the last level's input is what the first level handed over.
        exit_[index, exit_.shape[1] - width + index] = 1
        for convolution in (last[2], parts.final_block.block[0]):
            _pass_through(convolution.weight, index)
            convolution.bias.zero_()
        norm = parts.final_block.block[1]
        norm.weight.fill_(_SPREAD)
        norm.bias.fill_(_OFFSET)
        parts.final_proj.weight.mul_(_BRANCH)
        parts.final_proj.weight[index, index, 0] = math.sqrt(2) / _SPREAD
        parts.final_proj.bias.copy_(-parts.final_proj.weight.sum(dim=(1, 2)) * _OFFSET)


def _pass_through(weight: Tensor, index: Tensor) -> None:
    """Make a convolution, [out, in, 3], hand its first channels on and nearly nothing else."""
    weight.mul_(_BRANCH)
    weight[index, index, 1] = 1
