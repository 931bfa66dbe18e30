"""Synthetic speech over Ray: run again, or by another number of workers, it is the same to the byte."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray

from omniforge.pipeline.engine import EngineConfig, run_units, start_ray
from omniforge.pipeline.ledger import committed
from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.plan import make_unit
from omniforge.pipeline.progress import Progress
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import Store, open_store
from omniforge.pipeline.synthesis import SpokenTask, SynthesisConfig, plan_synthesis, synthesis_operators
from omniforge.schemas.record import Record, record_key
from omniforge.synth.augment import AugmentConfig, Effect
from omniforge.synth.config import SynthConfig

ENGINE = EngineConfig(cpus=4, object_store_bytes=100_000_000)
SENTENCES = ("The tide turns at nine.", "A red bus stops here.", "Two dogs sleep.", "Bread is baked at night.")
EFFECTS = AugmentConfig(effects=(Effect(kind="noise", share=0.5), Effect(kind="codec", share=0.5)), tasks=("spoken",))


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    address = os.environ.pop("RAY_ADDRESS", None)
    assert start_ray(ENGINE)
    yield
    ray.shutdown()
    if address is not None:
        os.environ["RAY_ADDRESS"] = address


@pytest.fixture(scope="module")
def sentences(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    store = open_store(str(tmp_path_factory.mktemp("sentences")))
    unit = make_unit(
        stage="pull", corpus="texts", container="a.txt", start=0, stop=len(SENTENCES), identity="1", fingerprints={}
    )
    uris = [f"a.txt#line {number}" for number in range(len(SENTENCES))]
    records = [
        Record(key=record_key("texts", uri), corpus="texts", source_uri=uri, kind="tts", text=text)
        for uri, text in zip(uris, SENTENCES, strict=True)
    ]
    entries = {unit.id: commit_records(store, unit, records)}
    manifest = publish(store, layer="media", name="t", entries=entries, code_version="1", config={}, models={}, inputs=())
    return Dataset(store, manifest)


def spoken(source: Dataset, root: Path, actors: int) -> dict[str, bytes]:
    """Speak all sentences, a unit each, and return the objects of the root by name."""
    store: Store = open_store(str(root))
    speech = SynthConfig(verify_share=0.5, quality_share=0.25, augment=EFFECTS)
    tasks = (SpokenTask(task="spoken", kinds=("tts",)),)
    config = SynthesisConfig(tasks=tasks, speech=speech, records_per_unit=1, actors=actors)
    units = list(plan_synthesis(source, config, "engine"))
    operators = synthesis_operators(source.store, store, config)
    done = list(run_units(units, operators, config=ENGINE, progress=Progress(stage="synth", units=len(units), already=0)))
    assert len(done) == len(SENTENCES) == len(committed(store, units))
    return {key: store.read(key) for key in store.list("")}


def test_two_runs_and_two_numbers_of_workers_give_the_same_bytes(cluster: None, sentences: Dataset, tmp_path: Path) -> None:
    by_one, by_two = (spoken(sentences, tmp_path / str(actors), actors) for actors in (1, 2))
    assert sum(key.startswith("shards/") for key in by_one) >= 3
    assert by_one == by_two
