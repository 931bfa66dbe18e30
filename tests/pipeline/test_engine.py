import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.engine import EngineError, Operator, reserve

POOLS = st.lists(st.tuples(st.integers(0, 6), st.sampled_from([0.25, 0.5, 1.0, 2.0])), max_size=3)


def pool(number: int, actors: int, cpus: float) -> Operator:
    return Operator(name=f"step {number}", build=lambda: lambda row: row, actors=actors, cpus=cpus)


@given(POOLS, st.integers(1, 64))
def test_beside_the_actors_there_is_always_room_for_a_task(pools: list[tuple[int, float]], cpus: int) -> None:
    operators = [pool(number, actors, each) for number, (actors, each) in enumerate(pools)]
    held = sum(actors * each for actors, each in pools)
    if held > cpus - (1 if cpus >= 4 else 0.5):
        with pytest.raises(EngineError, match=f"would hold {held:g} of {cpus} CPUs"):
            reserve(operators, cpus, 0)
    else:
        assert held + reserve(operators, cpus, 0) <= cpus


def test_on_a_machine_of_many_cpus_a_whole_one_stays() -> None:
    with pytest.raises(EngineError, match=r"7\.5 of 8 CPUs \(step 0: 15 x 0\.5\) and leave less than 1"):
        reserve([pool(0, 15, 0.5)], 8, 0)
    assert reserve([pool(0, 14, 0.5)], 8, 0) == 0.5


def test_one_cpu_is_enough_for_half_an_actor() -> None:
    assert reserve([pool(0, 1, 0.5)], 1, 0) == 0.5
