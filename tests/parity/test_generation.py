"""The sampler against the public implementation, token for token (SPEC.md section 4)."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from reference_data import parity_folder
from safetensors.torch import load_file
from torch import Tensor

from omniforge.tokenizers.sensevoice.config import sensevoice_config
from omniforge.tokenizers.weights import load_strict
from omniforge.trainer.model.audio import AudioClips
from omniforge.trainer.model.config import dream_config
from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.sampler.config import Order, SamplingConfig
from omniforge.trainer.sampler.inpaint import blank, prefill
from omniforge.trainer.sampler.loop import SamplingRequest, StepTrace, first_logits, generate
from omniforge.trainer.sampler.presets import reference_config
from omniforge.trainer.sampler.schedule import fill_count
from omniforge.trainer.sampler.scoring import choose, shape_logits

FOLDER = parity_folder("generation")
CONFIG: dict[str, Any] = json.loads((FOLDER / "config.json").read_text())
CASES = sorted(CONFIG["cases"])
SCORING: dict[str, Any] = json.loads((FOLDER / "sample_tokens.json").read_text())
MASK: int = CONFIG["dream"]["mask_token_id"]
ATOL = 1e-4


@pytest.fixture(scope="module")
def model() -> Dream:
    torch.set_num_threads(1)
    network = Dream(replace(dream_config(CONFIG["dream"]), audio=sensevoice_config(CONFIG["sensevoice_encoder"]))).eval()
    load_strict(network, load_file(FOLDER / "weights.safetensors"), "the fixture")
    return network


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(FOLDER / "inputs.safetensors") | load_file(FOLDER / "outputs.safetensors")


def request(tensors: dict[str, Tensor], case: str) -> SamplingRequest:
    effective = CONFIG["cases"][case]["effective"]
    prompt = tensors[f"{case}.input_ids"][0]
    response = blank(effective["max_new_tokens"], MASK)
    assert torch.equal(tensors[f"{case}.init_ids"][len(prompt) :].long(), response)
    if effective.get("add_boa_token"):
        response = prefill(response, CONFIG["vocab_layout"]["boa"], len(prompt))
    audio = None
    if f"{case}.audio_feats" in tensors:
        features = tensors[f"{case}.audio_feats"]
        rows, columns = tensors[f"{case}.audio_indices"].flatten(start_dim=1)
        audio = AudioClips(features=features[None], lengths=torch.tensor([len(features)]), rows=rows, columns=columns)
    return SamplingRequest(
        prompt=prompt,
        response=response,
        audio=audio,
        unconditional=tensors.get(f"{case}.uncond_ids"),
        seed=CONFIG["cases"][case]["torch_seed"] or 0,
    )


def config(case: str) -> SamplingConfig:
    return reference_config(CONFIG["cases"][case]["effective"])


@pytest.mark.parametrize("case", CASES)
def test_every_step_gives_the_same_tokens_and_confidences(model: Dream, tensors: dict[str, Tensor], case: str) -> None:
    traces: list[StepTrace] = []
    (output,) = generate(model, [request(tensors, case)], config(case), traces.append)
    expected = tensors[f"{case}.step_ids"][:, len(tensors[f"{case}.input_ids"][0]) :].long()
    assert torch.equal(torch.stack([trace.ids for trace in traces]), expected)
    assert torch.equal(output, tensors[f"{case}.output_ids"].long())
    for trace, choices in zip(traces, tensors[f"{case}.step_x0"].long(), strict=True):
        scored = (choices >= 0).nonzero()[:, 0]
        assert torch.equal(trace.scored, scored)
        assert torch.equal(trace.choices, choices[scored])
    if f"{case}.step_confidence" in tensors:
        for trace, confidence in zip(traces, tensors[f"{case}.step_confidence"], strict=True):
            inside = trace.confidence.isfinite()
            torch.testing.assert_close(trace.confidence[inside], confidence[trace.scored][inside], atol=ATOL, rtol=0)


@pytest.mark.parametrize("case", CASES)
def test_the_first_logits_are_the_same(model: Dream, tensors: dict[str, Tensor], case: str) -> None:
    expected = tensors[f"{case}.step0_logits"]
    positions = torch.arange(-4, len(expected) - 4)
    logits = first_logits(model, request(tensors, case), config(case), positions)
    torch.testing.assert_close(logits, expected, atol=ATOL, rtol=ATOL)


@pytest.mark.parametrize("case", sorted(SCORING["cases"]))
def test_scoring_alone(case: str) -> None:
    tensors = load_file(FOLDER / "sample_tokens.safetensors")
    options = SCORING["cases"][case]
    order: Order = "margin" if "margin_confidence" in options else "entropy" if "neg_entropy" in options else "confidence"
    settings = SamplingConfig(
        order=order,
        temperature=options.get("temperature", 0.0),
        top_p=options.get("top_p"),
        top_k=options.get("top_k"),
        repetition_penalty=options.get("repeat_penalty", 1.0),
        position_penalty=options.get("max_position_penalty", 1.0),
    )
    past = tensors["past_x"].unique()
    past = past[(past != 0) & (past != SCORING["mask_id"])]
    logits = shape_logits(tensors["logits"], settings, past)
    torch.testing.assert_close(logits.clamp_min(-1e30), tensors[f"{case}.post_logits"], atol=ATOL, rtol=ATOL)
    if f"{case}.x0" in tensors:
        choices, confidence = choose(logits, settings.temperature, order, torch.Generator())
        assert torch.equal(choices, tensors[f"{case}.x0"])
        torch.testing.assert_close(confidence, tensors[f"{case}.confidence"], atol=ATOL, rtol=0)


@pytest.mark.parametrize("table", SCORING["transfer_schedule"], ids=lambda table: f"{table['masks']}-{table['steps']}")
def test_each_step_fills_as_many_positions(table: dict[str, Any]) -> None:
    masked, filled = table["masks"], []
    for step in range(table["steps"]):
        filled.append(fill_count(masked, step, table["steps"], 1e-3))
        masked -= filled[-1]
    assert filled == table["per_step"]
