from dataclasses import replace

import pytest
import torch
from torch import Tensor

from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.sampler.config import SamplingConfig
from omniforge.trainer.sampler.inpaint import blank, inpaint, prefill
from omniforge.trainer.sampler.loop import SamplingRequest, StepTrace, first_logits, generate

MASK, PAD, VOCABULARY = 60, 61, 64


@pytest.fixture(scope="module")
def model() -> Dream:
    torch.set_num_threads(1)
    network = Dream(
        DreamConfig(
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
    )
    initialise(network, seed=3)
    return network.eval()


def request(seed: int, prompt: int, response: int) -> SamplingRequest:
    generator = torch.Generator().manual_seed(seed)
    return SamplingRequest(
        prompt=torch.randint(0, 50, (prompt,), generator=generator),
        response=blank(response, MASK),
        unconditional=torch.randint(0, 50, (prompt // 2 + 1,), generator=generator),
        seed=seed,
    )


REQUESTS = [request(1, 9, 20), request(2, 4, 7), request(3, 15, 33)]
CONFIGS = {
    "entropy": SamplingConfig(steps=8, top_p=0.9),
    "confidence drawn": SamplingConfig(steps=8, order="confidence", temperature=0.8, order_temperature=0.5),
    "margin in blocks": SamplingConfig(steps=12, order="margin", block_size=6, repetition_penalty=1.3),
    "random": SamplingConfig(steps=5, order="random", top_k=10, temperature=1.0),
    "origin": SamplingConfig(steps=6, order="origin", temperature=1.0),
    "guided": SamplingConfig(steps=6, guidance=1.5, position_penalty=2.0),
    "reference guided": SamplingConfig(steps=6, guidance=1.5, reference=True),
}


@pytest.mark.parametrize("name", CONFIGS)
def test_a_batch_gives_what_each_request_gives_alone(model: Dream, name: str) -> None:
    together = generate(model, REQUESTS, CONFIGS[name])
    alone = [generate(model, [one], CONFIGS[name])[0] for one in REQUESTS]
    assert all(torch.equal(left, right) for left, right in zip(together, alone, strict=True))


@pytest.mark.parametrize("name", [name for name in CONFIGS if not CONFIGS[name].reference])
def test_no_mask_is_left_or_predicted(model: Dream, name: str) -> None:
    traces: list[StepTrace] = []
    outputs = generate(model, REQUESTS, CONFIGS[name], traces.append)
    assert not any(bool((output == MASK).any()) for output in outputs)
    assert not any(bool((trace.choices == MASK).any()) for trace in traces)
    assert max(trace.step for trace in traces) < CONFIGS[name].steps


def test_filled_positions_never_change(model: Dream) -> None:
    states: dict[int, Tensor] = {number: one.response for number, one in enumerate(REQUESTS)}

    def check(trace: StepTrace) -> None:
        before = states[trace.request]
        assert torch.equal(before[before != MASK], trace.ids[before != MASK])
        states[trace.request] = trace.ids

    generate(model, REQUESTS, CONFIGS["entropy"], check)


def test_given_ids_stay_and_the_rest_is_renewed(model: Dream) -> None:
    (first,) = generate(model, REQUESTS[:1], CONFIGS["entropy"])
    renew = torch.zeros(20, dtype=torch.bool)
    renew[5:9] = True
    template = inpaint(first, renew, MASK)
    traces: list[StepTrace] = []
    (second,) = generate(model, [replace(REQUESTS[0], response=template)], CONFIGS["entropy"], traces.append)
    assert torch.equal(second[~renew], first[~renew])
    assert not bool((second == MASK).any())
    assert all(set(trace.scored.tolist()) <= set(range(5, 9)) for trace in traces)


def test_blocks_are_filled_from_left_to_right(model: Dream) -> None:
    def check(trace: StepTrace) -> None:
        open_blocks = [block for block in range(0, len(trace.ids), 6) if bool((trace.ids[block : block + 6] == MASK).any())]
        started = [block for block in range(0, len(trace.ids), 6) if bool((trace.ids[block : block + 6] != MASK).any())]
        assert not open_blocks or max(started) <= min(open_blocks)

    generate(model, REQUESTS, CONFIGS["margin in blocks"], check)


def test_a_block_too_short_for_a_step_is_filled_unless_in_reference_mode(model: Dream) -> None:
    config = SamplingConfig(steps=2, block_size=4)
    (default,) = generate(model, REQUESTS[:1], config)
    (reference,) = generate(model, REQUESTS[:1], replace(config, reference=True))
    assert not bool((default == MASK).any())
    assert bool((reference == MASK).all())


def test_guidance_compares_equal_response_positions(model: Dream) -> None:
    one = REQUESTS[0]
    assert one.unconditional is not None
    positions = torch.arange(5)
    conditional = first_logits(model, one, SamplingConfig(), positions)
    unconditional = first_logits(model, replace(one, prompt=one.unconditional), SamplingConfig(), positions)
    guided = first_logits(model, one, SamplingConfig(guidance=2.0), positions)
    torch.testing.assert_close(guided, unconditional + 3 * (conditional - unconditional), atol=1e-4, rtol=1e-4)


def test_zero_guidance_needs_no_second_prompt_and_more_does(model: Dream) -> None:
    one = replace(REQUESTS[0], unconditional=None)
    generate(model, [one], CONFIGS["entropy"])
    with pytest.raises(ValueError, match="unconditional prompt"):
        generate(model, [one], CONFIGS["guided"])


def test_the_repetition_penalty_counts_in_every_order_from_the_first_step(model: Dream) -> None:
    template = prefill(blank(20, MASK), 5, prompt_length=9)
    one = replace(REQUESTS[0], response=template)
    for order in ("entropy", "confidence", "margin"):
        choices: list[list[StepTrace]] = []
        for penalty in (1.0, 1e6):
            choices.append([])
            generate(model, [one], SamplingConfig(steps=4, order=order, repetition_penalty=penalty), choices[-1].append)
        assert not torch.equal(choices[0][0].confidence, choices[1][0].confidence)


def test_a_strong_repetition_penalty_spares_pads(model: Dream) -> None:
    template = blank(12, MASK)
    template[6:] = PAD
    first: list[StepTrace] = []
    for penalty in (1.0, 5.0):
        generate(
            model,
            [replace(REQUESTS[0], response=template)],
            SamplingConfig(steps=1, repetition_penalty=penalty),
            first.append,
        )
    assert torch.equal(first[0].confidence, first[1].confidence)


def test_equal_seeds_draw_equal_tokens_and_others_do_not(model: Dream) -> None:
    config = CONFIGS["confidence drawn"]
    one, again, other = (generate(model, [replace(REQUESTS[2], seed=seed)], config)[0] for seed in (5, 5, 6))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_a_model_in_training_mode_is_refused(model: Dream) -> None:
    model.train()
    with pytest.raises(ValueError, match="training mode"):
        generate(model, REQUESTS, CONFIGS["entropy"])
    model.eval()
