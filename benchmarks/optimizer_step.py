"""What an update of the embedded model's weights takes: AdamW in one fused pass, as the trainer has it, and without.

    python benchmarks/optimizer_step.py --rounds 7

Prints medians of interleaved rounds, one thread, gradients of chance.
"""

import argparse
import time
from dataclasses import replace
from functools import partial

import torch
from interleaved import medians, show

from omniforge.trainer.model.config import named_config
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.optimizer import OptimizerConfig, make_optimizer

UPDATES = 10
VOCABULARY = 14_381
"""Text 4,096, specials, speech 2,048 and pictures 8,192."""


def optimizer(fused: bool) -> torch.optim.Optimizer:
    """Make the optimizer of a fresh model of the size of `train_full.yaml`, its gradients filled."""
    sizes = named_config("tiny", vocab_size=VOCABULARY, mask_token_id=0, pad_token_id=1)
    model = Dream(replace(sizes, num_attention_heads=8, num_key_value_heads=8))
    initialise(model, 0)
    for parameter in model.parameters():
        parameter.grad = torch.randn_like(parameter)
    made = make_optimizer(model, OptimizerConfig())
    for group in made.param_groups:
        group["fused"] = fused
    return made


def seconds(updated: torch.optim.Optimizer) -> float:
    """Time an update."""
    begun = time.perf_counter()
    for _ in range(UPDATES):
        updated.step()
    return (time.perf_counter() - begun) / UPDATES


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    updated = {"fused": optimizer(fused=True), "one by one": optimizer(fused=False)}
    # The round that does not count makes the moments.
    show(medians({name: partial(seconds, each) for name, each in updated.items()}, rounds), against="one by one")


if __name__ == "__main__":
    main()
