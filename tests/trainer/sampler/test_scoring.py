import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from omniforge.trainer.sampler.config import SamplingConfig
from omniforge.trainer.sampler.guidance import guide
from omniforge.trainer.sampler.inpaint import blank, inpaint, prefill
from omniforge.trainer.sampler.penalties import penalise_positions, penalise_repetition
from omniforge.trainer.sampler.scoring import choose, pick, shape_logits

NOTHING = torch.tensor([], dtype=torch.int64)


def logits(rows: int = 4, columns: int = 9, seed: int = 0) -> torch.Tensor:
    return torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed)) * 3


@given(st.integers(1, 12), st.integers(0, 50))
def test_top_k_keeps_the_k_best(top_k: int, seed: int) -> None:
    shaped = shape_logits(logits(seed=seed), SamplingConfig(top_k=top_k), NOTHING)
    assert bool(((shaped > -1e30).sum(dim=1) == min(top_k, 9)).all())


@given(st.floats(0.05, 1.0), st.integers(0, 50))
def test_top_p_keeps_the_smallest_set_that_passes_p(top_p: float, seed: int) -> None:
    scores = logits(seed=seed)
    kept = shape_logits(scores, SamplingConfig(top_p=top_p), NOTHING) > -1e30
    for row, mask in zip(scores.softmax(dim=1), kept, strict=True):
        inside = row[mask].sort().values
        assert float(inside.sum()) >= top_p - 1e-4
        assert float(inside[1:].sum()) <= top_p + 1e-4
        assert float(inside.min()) >= float(row[~mask].max() if bool((~mask).any()) else 0)


def test_repetition_makes_ids_less_likely_whatever_their_sign() -> None:
    scores = torch.tensor([[2.0, -2.0, 1.0, -1.0]])
    assert penalise_repetition(scores, torch.tensor([0, 1]), 2.0).tolist() == [[1.0, -4.0, 1.0, -1.0]]
    assert penalise_repetition(scores, NOTHING, 2.0) is scores


def test_positions_are_penalised_beyond_a_hundred_rows_alone() -> None:
    scores = torch.ones(104, 2)
    scores[:, 1] = -1.0
    found = penalise_positions(scores, 3.0)
    assert torch.equal(found[:101], scores[:101])
    assert found[103].tolist() == pytest.approx([1 / 2.5, -2.5])
    assert penalise_positions(scores[:100], 3.0) is not None
    assert torch.equal(penalise_positions(scores[:100], 3.0), scores[:100])


def test_confidences_rank_rows_by_certainty() -> None:
    scores = torch.tensor([[5.0, 0.0, 0.0], [1.0, 0.9, 0.0], [2.0, 0.0, 0.0]])
    for order in ("confidence", "margin", "entropy"):
        choices, confidence = choose(scores, 0.0, order, torch.Generator())
        assert choices.tolist() == [0, 0, 0]
        assert pick(confidence, 2, 0.0, torch.Generator()).tolist() == [0, 2]


def test_drawn_tokens_follow_their_probabilities() -> None:
    scores = torch.tensor([[0.0, 1.0]]).expand(20_000, 2)
    choices, confidence = choose(scores, 1.0, "confidence", torch.Generator().manual_seed(0))
    assert float(choices.float().mean()) == pytest.approx(0.731, abs=0.01)
    assert set(confidence.round(decimals=3).tolist()) == set(torch.tensor([0.731, 0.269]).tolist())


def test_drawn_positions_never_include_one_of_confidence_minus_infinity() -> None:
    confidence = torch.tensor([0.1, -torch.inf, 0.5, -torch.inf, 0.2])
    for seed in range(20):
        taken = pick(confidence, 3, 1.0, torch.Generator().manual_seed(seed))
        assert sorted(taken.tolist()) == [0, 2, 4]


def test_no_row_gives_no_choice() -> None:
    for temperature in (0.0, 1.0):
        choices, confidence = choose(torch.zeros(0, 5), temperature, "origin", torch.Generator())
        assert len(choices) == len(confidence) == 0


def test_guidance_zero_is_the_conditional_prediction() -> None:
    with_, without = logits(seed=1), logits(seed=2)
    torch.testing.assert_close(guide(with_, without, 0.0), with_)


def test_templates_hold_what_is_given() -> None:
    assert prefill(blank(10, 9), 3, prompt_length=5).tolist() == [9, 9, 3, 9, 9, 9, 9, 9, 9, 9]
    renew = torch.tensor([False, True])
    assert inpaint(torch.tensor([4, 5]), renew, 9).tolist() == [4, 9]
    for broken in (
        lambda: blank(0, 9),
        lambda: prefill(blank(2, 9), 1, 0, 1.0),
        lambda: inpaint(renew.long(), ~renew & renew, 9),
    ):
        with pytest.raises(ValueError, match=r"sampling|inpainting"):
            broken()


@pytest.mark.parametrize(
    ("name", "value"), [("steps", 0), ("order", "best"), ("top_p", 0.0), ("top_k", 0), ("temperature", -1.0), ("block_size", 0)]
)
def test_settings_outside_their_range_are_named(name: str, value: object) -> None:
    with pytest.raises(ValueError, match=name):
        SamplingConfig(**{name: value})
