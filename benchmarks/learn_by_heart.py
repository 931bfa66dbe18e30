"""Can a model learn real records by heart: do layout, objective, packing and sampler agree?

About 64 real records (pictures with captions, speech with transcripts, questions about pictures) and the spoken records made of
them are built from `REALDATA_DIR`, a small model is trained on them for some minutes, and has to give them back: token accuracy
of greedy responses against the training samples, by task.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from omniforge.jobs.build_config import BuildConfig
from omniforge.jobs.config import from_mapping
from omniforge.jobs.showcase import held_out
from omniforge.jobs.stages import STAGES, run_stage
from omniforge.pipeline.reference import Dataset, find_version
from omniforge.pipeline.storage import open_store
from omniforge.trainer.config import TrainConfig
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.origin import describe, origin_of
from omniforge.trainer.generation.presets import default_sampling
from omniforge.trainer.generation.responses import GenerationConfig, Response, respond
from omniforge.trainer.generation.showcase import Exhibit
from omniforge.trainer.generation.tasks import GenerationTask
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.train import train

STEPS = int(os.environ.get("STEPS", "700"))
TASKS: tuple[GenerationTask, ...] = ("caption", "asr", "t2i", "tts", "svqa", "s2i")
WEIGHTS = dict.fromkeys(("t2i", "caption", "vqa", "asr", "tts", "svqa", "s2i"), 1.0)


def build(root: str, data: str) -> Dataset:
    """Build the records and tokens, pictures at 64 px."""
    names = ("wds", "librispeech", "hf_parquet", "llava")
    formats = {"wds": "webdataset"}
    config = from_mapping(
        BuildConfig,
        {
            "name": "heart",
            "root": root,
            "data": data,
            "corpora": [{"name": name, "format": formats.get(name, name)} for name in names],
            "limit": 16,
            "synth": {
                "tasks": [
                    {"task": "svqa", "kinds": ["vqa", "chat"]},
                    {"task": "s2i", "kinds": ["caption"], "share": 0.5},
                ]
            },
            "tokenize": {"understanding": 64, "generation": 64, "max_length": 512},
        },
        "benchmark",
    )
    for stage in STAGES:
        run_stage(config, stage)
    return find_version(open_store(root), config.dataset("tokenize"), "latest")


def fit(dataset: Dataset, output: Path) -> Path:
    """Train one stage on every task; return the checkpoint."""
    config = from_mapping(
        TrainConfig,
        {
            "data": dataset.reference,
            "output": str(output),
            "stages": [1],
            "stage1": {"weights": WEIGHTS, "frozen": []},
            "model": {"size": "tiny", "hidden_size": 128, "intermediate_size": 352, "num_hidden_layers": 4},
            "steps": STEPS,
            "lr": 0.002,
            "threads": 1,
            "loader": {"sequence_length": 1024, "window_samples": 256},
            "batch": {"rows": 4, "micro_rows": 4},
            "validation": {"every": STEPS, "rows": 4},
            "checkpoint": {"every": 100},
        },
        "benchmark",
    )
    return train(config)


def agreement(exhibit: Exhibit, response: Response, codecs: Codecs) -> Iterator[tuple[int, int]]:
    """Yield (equal, all) tokens of each part of a response: words, picture codes, speech codes."""
    pairs = []
    if exhibit.text is not None:
        pairs.append((codecs.text.encode(exhibit.text), codecs.text.encode(response.text or "")))
    if exhibit.picture is not None:
        pairs.append((codecs.picture_codes(exhibit.picture, codecs.generation), response.codes))
    elif exhibit.sound is not None:
        pairs.append((codecs.speech.encode([exhibit.sound])[0], response.codes))
    for truth, said in pairs:
        truth, said = np.asarray(truth).ravel(), np.asarray([] if said is None else said).ravel()
        shared = min(len(truth), len(said))
        yield int((truth[:shared] == said[:shared]).sum()), max(len(truth), len(said))


def main() -> None:
    """Build, train, ask for every record, print the share of tokens given back by task."""
    torch.set_num_threads(1)
    data = os.environ.get("REALDATA_DIR", str(Path(__file__).parents[2] / "shared" / "realdata"))
    if not Path(data).is_dir():
        sys.exit(f"no real collection at {data}; set REALDATA_DIR")
    with tempfile.TemporaryDirectory() as folder:
        dataset = build(f"{folder}/root", data)
        model = load_pretrained(fit(dataset, Path(folder) / "model")).eval()
        codecs = Codecs(origin_of(describe(dataset), dataset.reference))
        print(f"{STEPS} steps on {dataset.manifest.content.totals.by_kind}\n")
        print("| task | records | tokens | given back |\n| --- | --- | --- | --- |")
        for task in TASKS:
            exhibits = list(held_out(dataset, task, 64, "train"))
            config = GenerationConfig(sampling=default_sampling(task, temperature=0.0))
            responses = respond(model, codecs, [exhibit.prompt for exhibit in exhibits], config)
            counted = [part for e, r in zip(exhibits, responses, strict=True) for part in agreement(e, r, codecs)]
            equal, everything = (sum(column) for column in zip(*counted, strict=True))
            print(f"| {task} | {len(exhibits)} | {everything} | {equal / everything:.1%} |", flush=True)


if __name__ == "__main__":
    main()
