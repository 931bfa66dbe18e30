import math
from dataclasses import replace

import pytest
import torch

from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.layers import SelfAttention, rotary_angles, rotate
from omniforge.trainer.model.nearness import begin_near, exact_layers
from omniforge.trainer.model.transformer import Dream, initialise

LENGTH, HERE = 1001, 500
OFFSETS = (-1, 1, -8, 8)
CONFIG = DreamConfig(
    vocab_size=8,
    hidden_size=256,
    intermediate_size=16,
    num_hidden_layers=2,
    num_attention_heads=8,
    num_key_value_heads=4,
    rope_theta=1000.0,
    mask_token_id=0,
    pad_token_id=1,
)


def begun(strength: float, config: DreamConfig = CONFIG) -> Dream:
    model = Dream(config)
    initialise(model, 0)
    begin_near(model, strength, OFFSETS)
    return model


def weights_by_position_alone(model: Dream, layer: int = 0) -> torch.Tensor:
    """Attention weights (heads, keys) of the token at `HERE` in a layer, of a sequence that says nothing."""
    attention = [module for module in model.modules() if isinstance(module, SelfAttention)][layer]
    hidden = torch.zeros(1, LENGTH, model.config.hidden_size)
    width, theta = model.config.head_dim, model.config.rope_theta
    rotation = rotary_angles(torch.arange(LENGTH)[None], width, theta, torch.float32)
    query, key = (
        rotate(projection(hidden).unflatten(-1, (-1, width)).transpose(1, 2), rotation)[0]
        for projection in (attention.q_proj, attention.k_proj)
    )
    key = key.repeat_interleave(len(query) // len(key), dim=0)
    return torch.softmax(query[:, HERE : HERE + 1] @ key.transpose(1, 2) * width**-0.5, dim=-1)[:, 0].detach()


def test_in_the_first_half_of_the_layers_half_of_the_heads_look_at_one_place_each() -> None:
    weights = weights_by_position_alone(begun(1.5), layer=0)
    for head, offset in zip(weights[:4], OFFSETS, strict=True):
        assert head[HERE + offset] > 0.8
        beside = head[[HERE + offset - 1, HERE + offset + 1]]
        torch.testing.assert_close(head[HERE + offset] / beside, torch.full((2,), math.exp(3)), rtol=0.1, atol=0)
        assert head.sort().values[-2] <= beside.max()
    torch.testing.assert_close(weights[4:], torch.full((4, LENGTH), 1 / LENGTH))


def test_in_the_later_layers_they_look_at_an_offset_first_and_less_the_farther_away() -> None:
    weights = weights_by_position_alone(begun(1.5), layer=1)
    for head, offset in zip(weights[:4], OFFSETS, strict=True):
        assert int(head.argmax()) == HERE + offset
        assert head[HERE + offset] < 0.2
        assert head[HERE + offset] > 15 * head[[HERE + offset - 90, HERE + offset + 90]].max()
    torch.testing.assert_close(weights[4:], torch.full((4, LENGTH), 1 / LENGTH))


@pytest.mark.parametrize(("layers", "exact"), [(1, 0), (2, 1), (3, 1), (6, 2), (28, 2)])
def test_two_layers_begin_exact_and_never_more_than_half(layers: int, exact: int) -> None:
    assert exact_layers(replace(CONFIG, num_hidden_layers=layers)) == exact


def test_fewer_heads_take_the_offsets_by_turns_from_layer_to_layer() -> None:
    model = begun(1.5, replace(CONFIG, num_attention_heads=4))
    places = [weights_by_position_alone(model, layer)[:2].argmax(dim=1) - HERE for layer in (0, 1)]
    assert torch.cat(places).tolist() == list(OFFSETS)


def test_strength_zero_looks_everywhere_alike() -> None:
    torch.testing.assert_close(weights_by_position_alone(begun(0.0)), torch.full((8, LENGTH), 1 / LENGTH))


def test_nothing_but_the_biases_of_queries_and_keys_changes() -> None:
    fresh = Dream(CONFIG)
    initialise(fresh, 0)
    changed = {
        name
        for (name, one), other in zip(fresh.named_parameters(), begun(1.5).parameters(), strict=True)
        if not torch.equal(one, other)
    }
    assert changed == {f"model.layers.{layer}.self_attn.{part}_proj.bias" for layer in (0, 1) for part in "qk"}
