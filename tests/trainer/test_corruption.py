import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from omniforge.trainer.corruption import (
    IGNORE,
    TokenIds,
    append_tail,
    corrupt,
    corrupt_mdm,
    corrupt_reference,
    stratified_times,
    supervised_span,
)

TOKENS = TokenIds(mask=99, pad=90)
IDS = torch.tensor([1, 2, 3, 4, 5, 6, 7, 90, 90])
LABELS = torch.tensor([IGNORE, IGNORE, 3, 4, IGNORE, 6, 7, 90, 90])


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@given(st.integers(0, 1000), st.floats(0.01, 1.0))
def test_mdm_masks_supervised_tokens_alone_and_labels_exactly_those(seed: int, time: float) -> None:
    result = corrupt_mdm(IDS, LABELS, time, torch.rand(len(IDS), generator=seeded(seed)), TOKENS)
    masked = result.input_ids == TOKENS.mask
    assert not masked[LABELS == IGNORE].any()
    assert torch.equal(result.labels != IGNORE, masked)
    assert torch.equal(result.labels[masked], IDS[masked])
    assert torch.equal(result.input_ids[~masked], IDS[~masked])
    assert torch.equal(result.weights > 0, masked)


def test_mdm_at_time_one_masks_everything_but_some_pads() -> None:
    draws = torch.full((len(IDS),), 0.7)
    result = corrupt_mdm(IDS, LABELS, 1.0, draws, TOKENS)
    assert result.input_ids.tolist() == [1, 2, 99, 99, 5, 99, 99, 90, 90]


def test_mdm_weights_make_the_expected_weight_of_a_token_one_and_of_a_pad_the_tail_ratio() -> None:
    count = 20_000
    ids = torch.cat((torch.ones(count, dtype=torch.int64), torch.full((count,), TOKENS.pad)))
    result = corrupt_mdm(ids, ids, 0.25, torch.rand(len(ids), generator=seeded(0)), TOKENS, tail_ratio=0.6)
    assert float(result.weights[:count].mean()) == pytest.approx(1.0, abs=0.05)
    assert float(result.weights[count:].mean()) == pytest.approx(0.6, abs=0.05)


@pytest.mark.parametrize("time", [0.0, 1.5])
def test_mdm_refuses_a_time_outside_the_unit_interval(time: float) -> None:
    with pytest.raises(ValueError, match="outside"):
        corrupt_mdm(IDS, LABELS, time, torch.rand(len(IDS)), TOKENS)


@given(st.integers(1, 64), st.integers(0, 1000))
def test_times_fall_one_into_each_equal_interval(count: int, seed: int) -> None:
    times = stratified_times(count, seeded(seed), lowest=0.1)
    strata = ((times.double() - 0.1) / 0.9 * count).clamp(0, count - 1e-4)
    assert float(times.min()) >= 0.1 - 1e-6
    assert float(times.max()) <= 1.0
    offsets = strata.sort().values - torch.arange(count)
    assert float(offsets.min()) > -1e-3
    assert float(offsets.max()) < 1 + 1e-3


def test_reference_labels_weigh_one_and_keep_their_own_noise_level() -> None:
    span = supervised_span(LABELS)
    size = span.stop - span.start
    times = torch.rand(size, generator=seeded(1))
    result = corrupt_reference(IDS, LABELS, times, torch.zeros(size), TOKENS)
    assert result.weights.tolist() == (LABELS != IGNORE).float().tolist()
    torch.testing.assert_close(result.times[span][LABELS[span] != IGNORE], (0.999 * times + 0.001)[LABELS[span] != IGNORE])


def test_a_tail_is_appended_once() -> None:
    ids, labels = append_tail(IDS[:7], LABELS[:7], TOKENS.pad, 2)
    assert torch.equal(ids, IDS)
    assert torch.equal(labels, LABELS)
    assert append_tail(ids, labels, TOKENS.pad, 5)[0] is ids


def test_a_sample_without_supervised_tokens_is_refused() -> None:
    with pytest.raises(ValueError, match="no supervised token"):
        supervised_span(torch.tensor([IGNORE, IGNORE]))


def test_each_objective_draws_reproducibly_and_masks_in_its_own_way() -> None:
    results = {
        (objective, seed): corrupt(objective, IDS, LABELS, 0.5, TOKENS, seeded(seed))
        for objective in ("reference", "mdm")
        for seed in (0, 1)
    }
    again = corrupt("mdm", IDS, LABELS, 0.5, TOKENS, seeded(0))
    assert torch.equal(again.input_ids, results["mdm", 0].input_ids)
    assert set(results["mdm", 0].weights.tolist()) <= {0.0, 2.0}
    assert set(results["reference", 0].weights.tolist()) <= {0.0, 1.0}
    assert len({float(time) for time in results["reference", 1].times if time}) == int((LABELS != IGNORE).sum())
