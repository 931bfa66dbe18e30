"""Actors that hang, die or ask too much, and steps that raise, on one real cluster."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import psutil
import pytest
import ray

from omniforge.pipeline.engine import EngineConfig, EngineError, Operator, Row, Step, run_units, start_ray
from omniforge.pipeline.ledger import commit, committed, counts_of
from omniforge.pipeline.plan import Unit, make_unit
from omniforge.pipeline.progress import Progress
from omniforge.pipeline.shards import write_tar
from omniforge.pipeline.storage import LocalStore
from omniforge.schemas.ledger import Counts
from omniforge.schemas.quarantine import Quarantine
from omniforge.schemas.table import polars_schema


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    address = os.environ.pop("RAY_ADDRESS", None)
    assert start_ray(EngineConfig(cpus=2, object_store_bytes=100_000_000))
    yield
    ray.shutdown()
    if address is not None:
        os.environ["RAY_ADDRESS"] = address


def units_of(name: str, count: int) -> list[Unit]:
    return [
        make_unit(
            stage="pull",
            corpus="numbers",
            container=f"{name}/{number}",
            start=0,
            stop=4,
            identity=str(number),
            fingerprints={},
        )
        for number in range(count)
    ]


def writer(root: Path, before: Callable[[Unit], None]) -> Callable[[], Step]:
    """A step that calls `before`, then commits four records. All of it travels to the workers by value."""
    folder = str(root)

    def build() -> Step:
        store = LocalStore(folder)

        def write(row: Row) -> Row:
            unit = Unit.from_json(row["unit"])
            before(unit)
            shard, _ = write_tar((f"{unit.id}-{n}.txt", f"{unit.container} {n}".encode()) for n in range(4))
            quarantine = pl.DataFrame([], schema=polars_schema(Quarantine))
            counts = counts_of(4, 4, quarantine)
            index = pl.DataFrame({"key": [f"{unit.id}-{n}" for n in range(4)]})
            entry = commit(store, unit, shard=shard, index=index, quarantine=quarantine, counts=counts)
            return {"unit": row["unit"], "payload": entry.counts.model_dump_json().encode()}

        return write

    return build


def operators(build: Callable[[], Step], *, actors: int = 1) -> list[Operator]:
    return [
        Operator(name="prepare", build=lambda: lambda row: row, cpus=0.5),
        Operator(name="work", build=build, actors=actors, cpus=0.5),
    ]


def run(units: list[Unit], steps: list[Operator], *, stall: float = 120.0) -> list[tuple[Unit, Counts]]:
    progress = Progress(stage="test", units=len(units))
    return list(run_units(units, steps, config=EngineConfig(stall_seconds=stall), progress=progress))


def test_an_actor_killed_in_the_middle_of_a_unit_costs_none_and_doubles_none(tmp_path: Path) -> None:
    marker = str(tmp_path / "killed")

    def die_once(unit: Unit) -> None:
        if unit.container.endswith("/3"):
            try:
                os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
            except FileExistsError:
                return
            os.kill(os.getpid(), signal.SIGKILL)

    units = units_of("killed", 6)
    root = tmp_path / "root"
    outcome = run(units, operators(writer(root, die_once)))
    assert Path(marker).exists()
    assert sorted(unit.id for unit, _ in outcome) == sorted(unit.id for unit in units)
    entries = committed(LocalStore(str(root)), units)
    assert {unit.id for unit in units} == set(entries)
    shards = {path.name for path in root.glob("shards/media/*.tar")}
    assert shards == {entry.shard.url.rsplit("/")[-1] for entry in entries.values() if entry.shard}


def test_a_step_that_raises_ends_the_run_with_the_unit_and_the_cause(tmp_path: Path) -> None:
    def refuse(unit: Unit) -> None:
        if unit.container == "raising/2":
            raise LookupError("the disk is on fire")

    units = units_of("raising", 4)
    said = rf"work: unit {units[2].id} \(raising/2 records 0 to 3\): LookupError: the disk is on fire$"
    with pytest.raises(EngineError, match=said):
        run(units, operators(writer(tmp_path, refuse)))


def test_what_was_committed_before_a_failure_stays_and_is_left_out_of_the_next_run(tmp_path: Path) -> None:
    marker = str(tmp_path / "broken")
    Path(marker).touch()

    def break_late(unit: Unit) -> None:
        if unit.container == "resumed/3" and os.path.exists(marker):  # noqa: PTH110
            raise RuntimeError("broken")

    units = units_of("resumed", 4)
    root = tmp_path / "root"
    steps = operators(writer(root, break_late))
    with pytest.raises(EngineError, match="broken"):
        run(units, steps)
    done = committed(LocalStore(str(root)), units)
    assert units[3].id not in done
    Path(marker).unlink()
    again = run([unit for unit in units if unit.id not in done], steps)
    assert sorted([*done, *(unit.id for unit, _ in again)]) == sorted(unit.id for unit in units)


def test_a_model_that_does_not_load_is_named(tmp_path: Path) -> None:
    def build() -> Step:
        raise FileNotFoundError("no weights at models/speech.safetensors")

    with pytest.raises(EngineError, match=r"no weights at models/speech\.safetensors"):
        run(units_of("loading", 2), operators(build), stall=60)


def test_actors_that_ask_for_all_cpus_are_refused_with_the_numbers_before_anything_starts(tmp_path: Path) -> None:
    def touch(_: Unit) -> None:
        raise AssertionError("nothing may start")

    with pytest.raises(EngineError, match=r"^the actors would hold 2 of 2 CPUs \(work: 4 x 0\.5\).*lower `actors`"):
        run(units_of("greedy", 1), operators(writer(tmp_path, touch), actors=4))
    assert not list(tmp_path.iterdir())


def test_actors_that_ask_for_a_gpu_that_is_not_there_are_refused(tmp_path: Path) -> None:
    step = Operator(name="work", build=lambda: lambda row: row, actors=1, cpus=0.5, gpus=64)
    with pytest.raises(EngineError, match="64 GPUs and the cluster has"):
        run(units_of("gpu", 1), [step])


def test_a_hanging_actor_is_given_up_with_the_units_that_are_left(tmp_path: Path) -> None:
    release = str(tmp_path / "release")

    def hang(_: Unit) -> None:
        while not os.path.exists(release):  # noqa: PTH110
            time.sleep(0.05)

    units = units_of("hanging", 3)
    first = min(unit.id for unit in units)
    try:
        with pytest.raises(EngineError, match=rf"no unit finished in 3 s and 3 are left \(next: {first}\).*`stall_seconds`"):
            run(units, operators(writer(tmp_path / "root", hang)), stall=3)
    finally:
        Path(release).touch()


def test_an_actor_started_for_a_run_is_gone_after_it(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    pids.mkdir()
    folder = str(pids)

    def tell(_: Unit) -> None:
        Path(folder, str(os.getpid())).touch()

    run(units_of("gone", 2), operators(writer(tmp_path / "root", tell)))
    actors = [psutil.Process(int(path.name)) for path in pids.iterdir() if psutil.pid_exists(int(path.name))]
    _, alive = psutil.wait_procs(actors, timeout=60)
    assert not alive


def test_workers_wait_for_their_next_task(tmp_path: Path) -> None:
    folder = str(tmp_path)

    # They ask for no CPU, for actors of the tests before may hold some a little longer.
    @ray.remote(num_cpus=0)
    def process() -> int:
        # Until all are there nobody is done, or a quick worker would take the task of one that is slow to start.
        Path(folder, str(os.getpid())).touch()
        while len(list(Path(folder).iterdir())) < 4:
            time.sleep(0.1)
        return os.getpid()

    began = set(ray.get([process.remote() for _ in range(4)], timeout=300))
    assert len(began) == 4
    time.sleep(5)
    assert {pid for pid in began if psutil.pid_exists(pid)} == began
