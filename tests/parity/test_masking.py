"""Training corruption against recorded draws of the public implementation (SPEC.md section 3)."""

import json
from typing import Any

import pytest
import torch
from reference_data import parity_folder
from safetensors.torch import load_file
from torch import Tensor

from omniforge.trainer.corruption import TokenIds, append_tail, corrupt_reference, draw_tail_length, supervised_span

FOLDER = parity_folder("masking")
CONFIG: dict[str, Any] = json.loads((FOLDER / "config.json").read_text())
TOKENS = TokenIds(mask=CONFIG["mask_id"], pad=CONFIG["special_token_id"])
CASES = [f"{case}.{seed}" for case in CONFIG["cases"] for seed in CONFIG["seeds"]]


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(FOLDER / "inputs.safetensors") | load_file(FOLDER / "outputs.safetensors")


@pytest.mark.parametrize("case", CASES)
def test_recorded_draws_give_the_same_masks_inputs_and_labels(tensors: dict[str, Tensor], case: str) -> None:
    ids, labels = append_tail(
        tensors[f"{case}.clean_ids"][0],
        tensors[f"{case}.clean_labels"][0],
        TOKENS.pad,
        int(tensors[f"{case}.tail_len"]),
    )
    assert torch.equal(ids, tensors[f"{case}.ids_with_tail"][0])
    assert torch.equal(labels, tensors[f"{case}.labels_with_tail"][0])
    ratio = CONFIG["special_mask_ratio_used_in_training"]
    result = corrupt_reference(ids, labels, tensors[f"{case}.draw_t"], tensors[f"{case}.draw_u"], TOKENS, ratio)
    assert torch.equal(result.input_ids, tensors[f"{case}.input_ids"][0])
    assert torch.equal(result.labels, tensors[f"{case}.labels"][0])
    assert torch.equal(result.weights.bool(), tensors[f"{case}.mask"][0])


def test_mask_rates_are_those_measured_on_the_reference() -> None:
    path = FOLDER / "statistics.json"
    if not path.is_file():
        return
    theory = json.loads(path.read_text())["theory"]
    generator = torch.Generator().manual_seed(0)
    count = 40_000
    ids = torch.cat((torch.zeros(count, dtype=torch.int64), torch.full((count,), TOKENS.pad)))
    draws = torch.rand(2, len(ids), generator=generator)
    ratio = CONFIG["special_mask_ratio_used_in_training"]
    masked = corrupt_reference(ids, ids, draws[0], draws[1], TOKENS, ratio).weights
    assert float(masked[:count].mean()) == pytest.approx(theory["ordinary"], abs=0.01)
    assert float(masked[count:].mean()) == pytest.approx(theory["eos"], abs=0.01)


def test_tail_lengths_cover_one_to_the_published_maximum() -> None:
    generator = torch.Generator().manual_seed(0)
    assert {draw_tail_length(generator) for _ in range(2000)} == set(range(1, CONFIG["tail_max"] + 1))


def test_the_recorded_span_is_the_supervised_one(tensors: dict[str, Tensor]) -> None:
    for case in CASES:
        span = supervised_span(tensors[f"{case}.labels_with_tail"][0])
        assert span.stop - span.start == len(tensors[f"{case}.draw_t"])
