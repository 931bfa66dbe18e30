"""What a rebuild costs after a threshold was changed, with the speech cache and without it.

    python benchmarks/speech_cache.py --sentences 40

Runs the operators of `omniforge synth` in this process, one after the other, and prints seconds of CPU; loading the
recogniser and the quality model is left out.
"""

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.plan import make_unit
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.sources.sentences import sentence_text
from omniforge.pipeline.storage import Store, open_store
from omniforge.pipeline.synthesis import SpokenTask, SynthesisConfig, plan_synthesis, synthesis_operators
from omniforge.schemas.record import Record, record_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.roundtrip import RoundtripConfig

CONFIG = SynthesisConfig(tasks=(SpokenTask(task="spoken", kinds=("tts",)),))
STRICTER = replace(CONFIG, speech=SynthConfig(roundtrip=RoundtripConfig(max_wer=0.2)))


def texts_of(store: Store, count: int) -> Dataset:
    """Publish sentences to be spoken."""
    uris = [f"sentences#{number}" for number in range(count)]
    records = [
        Record(key=record_key("sentences", uri), corpus="sentences", source_uri=uri, kind="tts", text=sentence_text(number))
        for number, uri in enumerate(uris)
    ]
    unit = make_unit(stage="pull", corpus="sentences", container="s", start=0, stop=count, identity="", fingerprints={})
    entries = {unit.id: commit_records(store, unit, records)}
    manifest = publish(store, layer="media", name="texts", entries=entries, code_version="", config={}, models={}, inputs=())
    return Dataset(store, manifest)


def seconds(source: Dataset, target: Store, config: SynthesisConfig) -> float:
    """CPU of this process while it speaks all sentences."""
    steps = [operator.build() for operator in synthesis_operators(source.store, target, config)]
    started = time.process_time()
    for unit in plan_synthesis(source, config, ""):
        row = {"unit": unit.to_json(), "payload": b""}
        for step in steps:
            row = step(row)
    return time.process_time() - started


def main() -> None:
    """Build, change a threshold, build again: with the cache and without it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sentences", type=int, default=40)
    count = parser.parse_known_args()[0].sentences
    with tempfile.TemporaryDirectory() as folder:
        source = texts_of(open_store(str(Path(folder, "texts"))), count)
        print(f"{count} sentences, seconds of CPU\n\n| | first build | after `max_wer` 0.34 -> 0.2 |\n| --- | --- | --- |")
        for name, cached in (("without the cache", False), ("with the cache", True)):
            target = open_store(str(Path(folder, name)))
            times = [seconds(source, target, replace(config, cache=cached)) for config in (CONFIG, STRICTER)]
            print(f"| {name} | {times[0]:.1f} | {times[1]:.1f} |", flush=True)


if __name__ == "__main__":
    main()
