import torch
from hypothesis import given
from hypothesis import strategies as st

from omniforge.trainer.sampler.config import SamplingConfig
from omniforge.trainer.sampler.schedule import fill_count, plan_blocks

masks = st.lists(st.booleans(), min_size=1, max_size=60).map(torch.tensor)


@given(st.integers(1, 300), st.integers(1, 300))
def test_a_schedule_fills_everything_in_its_steps(masked: int, steps: int) -> None:
    steps = min(steps, masked)
    for step in range(steps):
        count = fill_count(masked, step, steps, 1e-3)
        assert 1 <= count <= masked
        masked -= count
        if masked == 0:
            break
    assert masked == 0


@given(masks, st.integers(1, 70), st.one_of(st.none(), st.integers(1, 70)))
def test_every_masked_position_is_in_one_block_that_has_steps(masked: torch.Tensor, steps: int, size: int | None) -> None:
    blocks = plan_blocks(masked, SamplingConfig(steps=steps, block_size=size))
    covered = torch.zeros(len(masked), dtype=torch.int64)
    for block in blocks:
        assert 1 <= block.steps <= int(masked[block.start : block.stop].sum())
        covered[block.start : block.stop] += 1
    assert bool((covered[masked] == 1).all())
    assert bool((covered <= 1).all())


@given(masks, st.integers(1, 70))
def test_one_block_takes_all_steps(masked: torch.Tensor, steps: int) -> None:
    blocks = plan_blocks(masked, SamplingConfig(steps=steps))
    assert sum(block.steps for block in blocks) == min(steps, int(masked.sum()))


def test_reference_blocks_can_have_no_step() -> None:
    blocks = plan_blocks(torch.ones(24, dtype=torch.bool), SamplingConfig(steps=2, block_size=8, reference=True))
    assert [block.steps for block in blocks] == [0, 0, 0]
