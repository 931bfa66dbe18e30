import math

import pytest
import torch
from torch import nn

from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.optimizer import OptimizerConfig, clip_gradient, freeze, learning_rate, make_optimizer


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
    decayed, others = (
        {id(parameter) for parameter in group["params"]} for group in make_optimizer(network, OptimizerConfig()).param_groups
    )
    for name, parameter in network.named_parameters():
        matrix = parameter.ndim == 2 and "embed_tokens" not in name
        assert id(parameter) in (decayed if matrix else others)


def test_frozen_parameters_are_not_optimised() -> None:
    network = model()
    freeze(network, ("model.layers", "model.norm"))
    count = sum(len(group["params"]) for group in make_optimizer(network, OptimizerConfig()).param_groups)
    assert count == 2


def test_the_gradient_is_clipped_to_its_limit_and_its_norm_told() -> None:
    linear = nn.Linear(2, 1, bias=False)
    linear.weight.grad = torch.tensor([[3.0, 4.0]])
    assert clip_gradient(linear, 1.0) == pytest.approx(5.0)
    torch.testing.assert_close(linear.weight.grad, torch.tensor([[0.6, 0.8]]))


def test_the_norm_of_a_broken_gradient_is_not_finite() -> None:
    linear = nn.Linear(2, 1, bias=False)
    linear.weight.grad = torch.tensor([[math.nan, 4.0]])
    assert not math.isfinite(clip_gradient(linear, 1.0))


@pytest.mark.parametrize("wrong", [{"warmup": 1.0}, {"final": -0.1}, {"clip": 0.0}])
def test_impossible_settings_are_errors(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="optimizer"):
        OptimizerConfig(**wrong)
