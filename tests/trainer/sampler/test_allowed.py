from dataclasses import replace

import pytest
import torch

from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.sampler.allowed import Allowed, allow
from omniforge.trainer.sampler.config import SamplingConfig
from omniforge.trainer.sampler.inpaint import blank
from omniforge.trainer.sampler.loop import SamplingRequest, StepTrace, generate

MASK, PAD, VOCABULARY = 60, 61, 64


@pytest.fixture(scope="module")
def model() -> Dream:
    torch.set_num_threads(1)
    config = DreamConfig(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        mask_token_id=MASK,
        pad_token_id=PAD,
        initializer_range=0.3,
    )
    network = Dream(config)
    initialise(network, seed=3)
    return network.eval()


REQUEST = SamplingRequest(prompt=torch.arange(9), response=blank(24, MASK), unconditional=torch.arange(4), seed=1)
HALVES = torch.arange(24) // 12
CONFIGS = [
    SamplingConfig(steps=6, top_p=0.9),
    SamplingConfig(steps=6, temperature=1.0, top_k=50, repetition_penalty=1.5),
    SamplingConfig(steps=6, order="margin", guidance=2.0),
    SamplingConfig(steps=6, order="origin", temperature=1.0),
    SamplingConfig(steps=6, top_k=50, reference=True),
]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.order}-{config.reference}-{config.temperature}")
def test_every_position_takes_an_id_of_its_own_set(model: Dream, config: SamplingConfig) -> None:
    allowed = allow(VOCABULARY, [torch.arange(3), torch.tensor([40, 41])], HALVES)
    (ids,) = generate(model, [replace(REQUEST, allowed=allowed)], config)
    assert set(ids[:12].tolist()) <= {0, 1, 2}
    assert set(ids[12:].tolist()) <= {40, 41}


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"{config.order}-{config.reference}-{config.temperature}")
def test_allowing_every_id_changes_nothing(model: Dream, config: SamplingConfig) -> None:
    allowed = allow(VOCABULARY, [torch.arange(VOCABULARY)], torch.zeros(24, dtype=torch.int64))
    (free,) = generate(model, [REQUEST], config)
    (restricted,) = generate(model, [replace(REQUEST, allowed=allowed)], config)
    assert torch.equal(free, restricted)


@pytest.mark.parametrize("sets", [[[True, True], [False, False]], [[False, True]], [[False, True], [False, True]]])
def test_sets_that_leave_no_choice_are_refused(sets: list[list[bool]]) -> None:
    with pytest.raises(ValueError, match="nothing could be chosen"):
        Allowed(sets=torch.tensor(sets), of_position=torch.zeros(2, dtype=torch.int64))


def test_leaving_ids_out_is_the_same_as_hiding_them() -> None:
    allowed = allow(VOCABULARY, [torch.arange(3), torch.tensor([40, 41])], HALVES)
    logits, positions = torch.randn(4, VOCABULARY), torch.tensor([0, 5, 12, 23])
    narrowed, ids = allowed.narrow(logits, positions)
    hidden = torch.full_like(logits, -torch.inf).index_copy(1, ids, narrowed)
    assert ids.tolist() == [0, 1, 2, 40, 41]
    assert torch.equal(hidden, logits.masked_fill(~allowed.sets[HALVES[positions]], -torch.inf))


def test_a_request_may_have_steps_of_its_own(model: Dream) -> None:
    traces: list[StepTrace] = []
    generate(model, [REQUEST, replace(REQUEST, steps=3)], SamplingConfig(steps=8), traces.append)
    assert [sum(trace.request == number for trace in traces) for number in (0, 1)] == [8, 3]
