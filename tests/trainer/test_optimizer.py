import math
from typing import Literal

import pytest
import torch
from torch import nn

from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.optimizer import (
    OptimizerConfig,
    clip_gradient,
    freeze,
    learning_rate,
    make_optimizers,
    step_optimizers,
)


def model() -> Dream:
    return Dream(
        DreamConfig(
            vocab_size=20,
            hidden_size=8,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            mask_token_id=18,
            pad_token_id=19,
        )
    )


def test_the_learning_rate_rises_linearly_and_falls_along_a_cosine() -> None:
    config = OptimizerConfig(warmup=0.1, final=0.1)
    rates = [learning_rate(step, 100, 1.0, config) for step in range(101)]
    assert rates[:3] == pytest.approx([1 / 11, 2 / 11, 3 / 11])
    assert rates[10] == 1.0
    assert rates[55] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)
    assert rates[10:] == sorted(rates[10:], reverse=True)


def test_matrices_decay_and_vectors_and_embeddings_do_not() -> None:
    network = model()
    (adamw,) = make_optimizers(network, OptimizerConfig())
    decayed, others = ({id(parameter) for parameter in group["params"]} for group in adamw.param_groups)
    for name, parameter in network.named_parameters():
        matrix = parameter.ndim == 2 and "embed_tokens" not in name
        assert id(parameter) in (decayed if matrix else others)


def test_frozen_parameters_are_not_optimised() -> None:
    network = model()
    freeze(network, ("model.layers", "model.norm"))
    (adamw,) = make_optimizers(network, OptimizerConfig(matrices="muon"))
    assert sum(len(group["params"]) for group in adamw.param_groups) == 2


def test_muon_moves_the_matrices_of_blocks_and_adamw_all_else() -> None:
    network = model()
    muon, adamw = make_optimizers(network, OptimizerConfig(matrices="muon"))
    moved = {id(parameter) for group in muon.param_groups for parameter in group["params"]}
    left = {id(parameter) for group in adamw.param_groups for parameter in group["params"]}
    for name, parameter in network.named_parameters():
        assert id(parameter) in (moved if parameter.ndim == 2 and name.startswith("model.layers") else left)
    assert len(moved) + len(left) == len(list(network.parameters()))


@pytest.mark.parametrize("matrices", ["adamw", "muon"])
def test_a_step_moves_matrices_by_about_the_learning_rate_whatever_moves_them(matrices: Literal["adamw", "muon"]) -> None:
    network = model()
    initialise(network, 0)
    before = {name: parameter.detach().clone() for name, parameter in network.named_parameters()}
    torch.manual_seed(0)
    for parameter in network.parameters():
        parameter.grad = torch.randn_like(parameter)
    step_optimizers(make_optimizers(network, OptimizerConfig(matrices=matrices, weight_decay=0.0)), 0.01)
    for name, parameter in network.named_parameters():
        step = (parameter.detach() - before[name]).square().mean().sqrt()
        assert 0.1 * 0.01 < step < 1.1 * 0.01, name


def test_the_gradient_is_clipped_to_its_limit_and_its_norm_told() -> None:
    linear = nn.Linear(2, 1, bias=False)
    linear.weight.grad = torch.tensor([[3.0, 4.0]])
    assert clip_gradient(linear, 1.0) == pytest.approx(5.0)
    torch.testing.assert_close(linear.weight.grad, torch.tensor([[0.6, 0.8]]))


def test_the_norm_of_a_broken_gradient_is_not_finite() -> None:
    linear = nn.Linear(2, 1, bias=False)
    linear.weight.grad = torch.tensor([[math.nan, 4.0]])
    assert not math.isfinite(clip_gradient(linear, 1.0))


@pytest.mark.parametrize("wrong", [{"warmup": 1.0}, {"final": -0.1}, {"clip": 0.0}, {"momentum": 1.0}])
def test_impossible_settings_are_errors(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="optimizer"):
        OptimizerConfig(**wrong)
