"""Run units on Ray Data: one row is one unit, one row in gives one row out, every operator declares what it needs."""

import json
import logging
import queue
import re
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from omniforge.pipeline.plan import Unit
from omniforge.pipeline.progress import Progress
from omniforge.schemas.ledger import Counts

ACTOR_MEMORY_MARK = 1
"""Ray Data fuses a task operator into the actors after it when both ask for the same resources, and a model would then wait
while its actor reads files. One byte of memory asked for by actors alone keeps them apart."""

IDLE_WORKER_MS = "600000"
"""How long a worker process of a cluster started here may wait for its next task. Ray ends it after a second, and each new one
takes seconds of a core to import what the steps need: more than most tasks take themselves."""

Row = dict[str, Any]
Step = Callable[[Row], Row]


class EngineError(RuntimeError):
    """A run that cannot start or go on; the message has the numbers and says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Operator:
    """One step of the graph. `build` is called once in each worker and returns the function that works on a row.

    With `actors` the step runs in that many long-lived actors (a model is loaded once in each), without it in tasks.
    A row is `{"unit": JSON of the unit, "payload": bytes}`; the last operator's payload is the JSON of the unit's `Counts`.
    """

    name: str
    build: Callable[[], Step]
    actors: int = 0
    cpus: float = 1.0
    gpus: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """How a run uses the machine. `stall_seconds`: with no unit finished for so long, the run is given up."""

    stall_seconds: float = 900.0
    object_store_bytes: int = 500_000_000
    cpus: int | None = None


class ActorStep:
    """The class Ray makes actors of: it holds what `Operator.build` returned."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator
        self.step = _built(operator)

    def __call__(self, row: Row) -> Row:
        """Work on one row."""
        return _worked(self.step, row, self.operator)


_BUILT: dict[str, Step] = {}


class TaskStep:
    """A task's function: builds its step at the first row that a worker process sees, and keeps it for the next ones."""

    def __init__(self, operator: Operator, run: str) -> None:
        self.operator = operator
        self.run = run

    def __call__(self, row: Row) -> Row:
        """Work on one row."""
        key = f"{self.run}/{self.operator.name}"
        if key not in _BUILT:
            _BUILT[key] = _built(self.operator)
        return _worked(_BUILT[key], row, self.operator)


def _built(operator: Operator) -> Step:
    """Build a step; what goes wrong comes out as an error that travels between processes (not all exceptions do)."""
    try:
        return operator.build()
    except Exception as error:
        raise EngineError(f"{operator.name} cannot start: {type(error).__name__}: {error}") from error


def _worked(step: Step, row: Row, operator: Operator) -> Row:
    """Work on one row; what goes wrong comes out with the unit's name."""
    try:
        return step(row)
    except Exception as error:
        unit = Unit.from_json(row["unit"])
        where = f"{operator.name}: unit {unit.id} ({unit.container} records {unit.start} to {unit.stop - 1})"
        raise EngineError(f"{where}: {type(error).__name__}: {error}") from error


def reserve(operators: Sequence[Operator], cpus: float, gpus: float) -> float:
    """Return the CPUs that a task may ask for, beside the actors, on a cluster of so many.

    Actors hold their CPUs for the whole run; if they held all of them, no task could feed them and the run would hang. On one
    or two CPUs half a CPU is what stays.

    Raises:
        EngineError: the actors ask for more than the cluster can spare.
    """
    held = sum(operator.actors * operator.cpus for operator in operators)
    spare = 1.0 if cpus >= 4 else 0.5
    if held > cpus - spare:
        detail = ", ".join(f"{o.name}: {o.actors} x {o.cpus:g}" for o in operators if o.actors)
        raise EngineError(
            f"the actors would hold {held:g} of {cpus:g} CPUs ({detail}) and leave less than {spare:g} for the tasks that feed "
            "them; lower `actors` or `actor_cpus`, or give the cluster more CPUs"
        )
    held_gpus = sum(operator.actors * operator.gpus for operator in operators)
    if held_gpus > gpus:
        raise EngineError(f"the actors ask for {held_gpus:g} GPUs and the cluster has {gpus:g}; lower `actors` or `actor_gpus`")
    return 1.0 if cpus - held >= 2 else 0.5


def start_ray(config: EngineConfig) -> bool:
    """Join the cluster this process runs in, or start one on this machine; return whether it was started here."""
    import os

    import ray

    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    if ray.is_initialized():
        return False
    if os.environ.get("RAY_ADDRESS"):
        ray.init(log_to_driver=True, logging_level="warning")
        return False
    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    os.environ.setdefault("RAY_idle_worker_killing_time_threshold_ms", IDLE_WORKER_MS)
    ray.init(
        address="local",
        num_cpus=config.cpus,
        object_store_memory=config.object_store_bytes,
        include_dashboard=False,
        logging_level="error",
    )
    return True


def run_units(
    units: Sequence[Unit], operators: Sequence[Operator], *, config: EngineConfig, progress: Progress
) -> Iterator[tuple[Unit, Counts]]:
    """Send every unit through the operators and yield each with its counts when it is committed, in no fixed order.

    The caller is expected to have left out the units that already happened. An exception in a step that is not one record's
    ends the run with that unit's name; units committed before stay committed.

    Raises:
        EngineError: a step failed, or no unit finished within `config.stall_seconds`.
    """
    if not units:
        return
    import ray

    resources = ray.cluster_resources()
    task_cpus = reserve(operators, resources.get("CPU", 0.0), resources.get("GPU", 0.0))
    results: queue.Queue[Row | BaseException | None] = queue.Queue()
    threading.Thread(target=_drain, args=(units, operators, task_cpus, results), daemon=True, name="ray-data").start()
    by_id = {unit.id: unit for unit in units}
    left = set(by_id)
    while left:
        row = _next_row(results, config.stall_seconds, progress, left)
        unit = by_id[json.loads(row["unit"])["id"]]
        left.discard(unit.id)
        yield unit, Counts.model_validate_json(row["payload"])


def _next_row(results: "queue.Queue[Row | BaseException | None]", stall: float, progress: Progress, left: set[str]) -> Row:
    deadline = time.monotonic() + stall
    while True:
        progress.tick()
        try:
            row = results.get(timeout=1.0)
        except queue.Empty:
            if time.monotonic() < deadline:
                continue
            raise EngineError(
                f"no unit finished in {stall:g} s and {len(left)} are left (next: {min(left)}); look for a dead or starved "
                "actor in the Ray logs, or raise `stall_seconds` if units may take so long. What was committed stays; run the "
                "same command again to go on"
            ) from None
        if row is None:
            raise EngineError(f"Ray Data ended with {len(left)} units missing (next: {min(left)}); run the command again")
        if isinstance(row, BaseException):
            raise EngineError(f"a step failed and took the run with it: {_root_cause(row)}") from row
        return row


def _root_cause(error: BaseException) -> str:
    """Find what a step said. Ray Data hands on its own exception, in whose text alone the step's is left."""
    said = re.search(r"EngineError: (.+?)(?:\n\s*\n|\Z)", str(error), re.DOTALL)
    return said[1].strip() if said else f"{type(error).__name__}: {error}"


def _drain(
    units: Sequence[Unit], operators: Sequence[Operator], task_cpus: float, results: "queue.Queue[Row | BaseException | None]"
) -> None:
    """Run the Ray Data graph in this thread, so that the caller's can watch the time."""
    try:
        for row in _graph(units, operators, task_cpus).iter_rows():
            results.put(row)
        results.put(None)
    except BaseException as error:
        results.put(error)


def _graph(units: Sequence[Unit], operators: Sequence[Operator], task_cpus: float) -> Any:
    import ray
    from ray.data import ActorPoolStrategy, DataContext

    context = DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.issue_detectors_config.detectors = []
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    rows = [{"unit": unit.to_json(), "payload": b""} for unit in units]
    dataset = ray.data.from_items(rows, override_num_blocks=len(rows))
    run = ray.get_runtime_context().get_job_id() + str(time.monotonic_ns())
    for operator in operators:
        if operator.actors:
            dataset = dataset.map(
                ActorStep,
                fn_constructor_args=(operator,),
                compute=ActorPoolStrategy(size=operator.actors),
                num_cpus=operator.cpus,
                num_gpus=operator.gpus or None,
                memory=ACTOR_MEMORY_MARK,
            )
        else:
            dataset = dataset.map(TaskStep(operator, run), num_cpus=min(operator.cpus, task_cpus))
    return dataset
