"""What Ray and bookkeeping cost: tokenizing the same units bare, in a loop, and through the engine with one actor and with two.

The stage is CPU-bound (picture encoder on one thread). `bare` decodes, encodes and commits in this process. The time until the
first unit is finished (workers starting, models loading) is left out of every row, since a long run pays it once.
"""

import statistics
import tempfile
import time
from pathlib import Path

from omniforge.jobs.build_config import BuildConfig
from omniforge.jobs.config import from_mapping
from omniforge.jobs.stages import run_stage
from omniforge.pipeline.engine import EngineConfig, run_units, start_ray
from omniforge.pipeline.plan import Unit
from omniforge.pipeline.progress import Progress
from omniforge.pipeline.reference import find_version
from omniforge.pipeline.storage import open_store
from omniforge.pipeline.tokenization import TokenizeConfig, Tokenizers, plan_tokenize, tokenize_operators

ROUNDS = 3
UNITS = 8


def corpus(root: str) -> BuildConfig:
    """Pull a corpus of scenes once; every run tokenizes the same units of it."""
    corpora = [{"name": "scenes", "format": "scenes", "options": {"count": 384, "questions": 1, "prompts": False}}]
    config = from_mapping(
        BuildConfig, {"name": "bench", "root": root, "corpora": corpora, "pull": {"hear": False}}, "benchmark"
    )
    run_stage(config, "pull")
    return config


def seconds_bare(units: list[Unit], source: str, config: TokenizeConfig) -> float:
    """Work on the units one after the other in this process; the first one warms up."""
    with tempfile.TemporaryDirectory() as folder:
        steps = [operator.build() for operator in tokenize_operators(open_store(source), open_store(folder), config)]
        started = 0.0
        for number, unit in enumerate(units):
            if number == 1:
                started = time.perf_counter()
            row = {"unit": unit.to_json(), "payload": b""}
            for step in steps:
                row = step(row)
        return time.perf_counter() - started


def seconds_on_engine(units: list[Unit], source: str, config: TokenizeConfig) -> float:
    """Work on the units through Ray; the time runs from the first finished unit on."""
    with tempfile.TemporaryDirectory() as folder:
        operators = tokenize_operators(open_store(source), open_store(folder), config)
        started = 0.0
        progress = Progress(stage="bench", units=len(units))
        for _ in run_units(units, operators, config=EngineConfig(), progress=progress):
            started = started or time.perf_counter()
        return time.perf_counter() - started


def main() -> None:
    """Interleave the three ways and print medians with their ratios."""
    import torch

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        config = corpus(folder)
        start_ray(config.engine)
        dataset = find_version(open_store(folder), config.dataset("pull"), "latest")
        one = TokenizeConfig(records_per_unit=768 // UNITS, actor_cpus=0.75)
        two = TokenizeConfig(records_per_unit=768 // UNITS, actors=2, actor_cpus=0.75)
        units = list(plan_tokenize(dataset, one, Tokenizers.load(one).fingerprints()))
        times: dict[str, list[float]] = {"bare": [], "engine, 1 actor": [], "engine, 2 actors": []}
        for _ in range(ROUNDS):
            times["bare"].append(seconds_bare(units, folder, one))
            times["engine, 1 actor"].append(seconds_on_engine(units, folder, one))
            times["engine, 2 actors"].append(seconds_on_engine(units, folder, two))
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(f"{len(units)} units of {768 // UNITS} records, {Path(__file__).stem}, median of {ROUNDS}")
    print("| way | seconds | of bare |\n| --- | --- | --- |")
    for name, value in medians.items():
        print(f"| {name} | {value:.2f} | {value / medians['bare']:.2f} |")


if __name__ == "__main__":
    main()
