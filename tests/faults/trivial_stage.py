"""A build whose stage is trivial: each unit writes its record numbers. Run as a program, so that a test can kill it.

python trivial_stage.py ROOT UNITS SECONDS_PER_UNIT
"""

import sys
import time
from pathlib import Path

import polars as pl

from omniforge.pipeline.engine import EngineConfig, Operator, Row, Step, run_units, start_ray
from omniforge.pipeline.ledger import commit, committed, counts_of
from omniforge.pipeline.plan import Unit, make_unit
from omniforge.pipeline.progress import Progress
from omniforge.pipeline.shards import write_tar
from omniforge.pipeline.storage import LocalStore
from omniforge.schemas.quarantine import Quarantine
from omniforge.schemas.table import polars_schema

RECORDS = 16


def plan(count: int) -> list[Unit]:
    return [
        make_unit(
            stage="pull",
            corpus="numbers",
            container=f"numbers/{number}",
            start=0,
            stop=RECORDS,
            identity=str(number),
            fingerprints={"trivial": "1"},
        )
        for number in range(count)
    ]


def build_write(root: str, seconds: float) -> Step:
    store = LocalStore(root)

    def write(row: Row) -> Row:
        unit = Unit.from_json(row["unit"])
        time.sleep(seconds)
        shard, members = write_tar((f"{unit.id}-{n}.txt", f"{unit.container} {n}\n".encode()) for n in range(RECORDS))
        index = pl.DataFrame({"key": [member.name.split(".")[0] for member in members]})
        quarantine = pl.DataFrame([], schema=polars_schema(Quarantine))
        counts = counts_of(RECORDS, RECORDS, quarantine)
        entry = commit(store, unit, shard=shard, index=index, quarantine=quarantine, counts=counts)
        return {"unit": row["unit"], "payload": entry.counts.model_dump_json().encode()}

    return write


def main(root: str, count: int, seconds: float) -> None:
    Path(root).mkdir(parents=True, exist_ok=True)
    start_ray(EngineConfig(cpus=2, object_store_bytes=100_000_000))
    units = plan(count)
    done = committed(LocalStore(root), units)
    progress = Progress(stage="trivial", units=count, already=len(done))
    operators = [
        Operator(name="prepare", build=lambda: lambda row: row, cpus=0.5),
        Operator(name="write", build=lambda: build_write(root, seconds), actors=1, cpus=0.5),
    ]
    todo = [unit for unit in units if unit.id not in done]
    for unit, counts in run_units(todo, operators, config=EngineConfig(stall_seconds=120), progress=progress):
        progress.add(counts)
        print(f"committed {unit.id}", flush=True)
    progress.finish()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]))
