"""Held-out records of a dataset, read back from its media, and what a checkpoint makes of them."""

import io
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image
from tiny_checkpoint import GENERATION, UNDERSTANDING, picture, save_checkpoint, save_tokenizers, speech

from omniforge.jobs.showcase import exhibit_of, held_out, showcase
from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.plan import make_unit
from omniforge.pipeline.reference import Dataset, find_version
from omniforge.pipeline.samples import TokenSample, commit_samples
from omniforge.pipeline.storage import open_store
from omniforge.pipeline.tokenization import TokenizeConfig, Tokenizers, decode, encode
from omniforge.schemas.record import Kind, MediaFile, Record, record_key
from omniforge.tokenizers.chat import Sample
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.origin import describe, origin_of
from omniforge.trainer.generation.prompts import lay_out_prompt
from omniforge.trainer.generation.tasks import TASKS, GenerationTask


def photo(role: str, seed: int) -> MediaFile:
    buffer = io.BytesIO()
    picture(seed, GENERATION, GENERATION).save(buffer, "PNG")
    return MediaFile(role=role, format="png", data=buffer.getvalue(), width=GENERATION, height=GENERATION)


def sound(role: str, pitch: float) -> MediaFile:
    buffer = io.BytesIO()
    soundfile.write(buffer, speech(0.6, pitch), 16_000, format="FLAC", subtype="PCM_16")
    return MediaFile(role=role, format="flac", data=buffer.getvalue(), sample_rate=16_000, seconds=0.6, channels=1)


def record(kind: Kind, number: int, split: str = "test") -> Record:
    fields: dict[Kind, dict[str, Any]] = {
        "caption": {"text": f"a red cube {number}", "media": (photo("image", number),)},
        "vqa": {"question": "which place?", "answer": "on the a", "media": (photo("image", number),)},
        "asr": {"text": "a blue disc", "media": (sound("speech", 200 + number),)},
        "svqa": {
            "question": "where?",
            "answer": "on the b",
            "media": (photo("image", number), sound("question", 200 + number), sound("answer", 300 + number)),
        },
        "s2i": {"text": "a blue cube", "media": (photo("image", number), sound("speech", 250 + number))},
    }
    uri = f"made/{split}/{kind}#{number}"
    return Record(key=record_key("made", uri), corpus="made", source_uri=uri, kind=kind, split=split, **fields[kind])


RECORDS = [
    *(record(kind, number) for kind in ("caption", "vqa", "asr", "svqa", "s2i") for number in range(2)),
    record("caption", 9, split="train"),
]


@dataclass(frozen=True)
class Made:
    """A checkpoint, a token dataset of the same tokenizers, and its samples by key."""

    checkpoint: Path
    dataset: Dataset
    samples: dict[str, Sample]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("made")
    sources = save_tokenizers(folder / "tokenizers")
    config = TokenizeConfig(**sources, understanding=UNDERSTANDING, generation=GENERATION)
    tokenizers = Tokenizers.load(config)
    store = open_store(str(folder / "root"))

    def unit(stage: Any) -> Any:
        return make_unit(
            stage=stage,
            corpus="made",
            container="made",
            start=0,
            stop=len(RECORDS),
            identity="made",
            fingerprints={"made": "1"},
        )

    common: dict[str, Any] = {"code_version": "0", "models": {}}
    records = commit_records(store, unit("pull"), RECORDS)
    media = publish(store, layer="media", name="made-media", entries={records.unit: records}, config={}, inputs=(), **common)
    encoded = encode(decode(RECORDS, config), tokenizers, config)
    samples = commit_samples(store, unit("tokenize"), encoded)
    vocabulary = tokenizers.vocabulary
    publish(
        store,
        layer="tokens",
        name="made",
        entries={samples.unit: samples},
        config={"tokenize": asdict(config)},
        inputs=(f"made-media@sha256:{media.content_sha256}",),
        vocabulary={**asdict(vocabulary.layout), "fingerprint": vocabulary.fingerprint, "size": vocabulary.size},
        **{**common, "models": tokenizers.fingerprints()},
    )
    return Made(
        checkpoint=save_checkpoint(folder / "checkpoint", sources),
        dataset=find_version(store, "made", "latest"),
        samples={one.key: one.sample for one in encoded if isinstance(one, TokenSample)},
    )


def test_every_task_is_shown_from_records_of_the_split(made: Made, tmp_path: Path) -> None:
    checkpoint, dataset = made.checkpoint, made.dataset
    entries = showcase(str(checkpoint), dataset.reference, tmp_path, per_task=1, steps=3, frames=3)
    assert [entry["task"] for entry in entries] == list(TASKS)
    assert json.loads((tmp_path / "showcase.json").read_text()) == entries
    test_keys = {record.key for record in RECORDS if record.split == "test"}
    assert {entry["key"] for entry in entries} <= test_keys
    for entry in entries:
        names = [
            entry[side][part]
            for side in ("prompt", "truth", "codec", "output")
            for part in ("picture", "sound", "cover")
            if part in entry[side]
        ]
        assert all((tmp_path / name).is_file() for name in names)
    by_task = {entry["task"]: entry for entry in entries}
    assert set(by_task["svqa"]["prompt"]) == {"picture", "sound"}
    assert set(by_task["svqa"]["truth"]) == {"text", "sound"} == set(by_task["svqa"]["output"])
    assert set(by_task["inpaint"]["prompt"]) == {"text", "picture", "cover"}
    assert len(by_task["s2i"]["output"]["frames"]) == 3


def test_a_record_comes_back_as_it_went_in(made: Made) -> None:
    found = {exhibit.key: exhibit for exhibit in held_out(made.dataset, "svqa", 5)}
    assert len(found) == 2
    for one in RECORDS:
        if one.kind == "svqa":
            assert found[one.key].text == one.answer
            wave, _ = soundfile.read(io.BytesIO(one.media[1].data), dtype="float32")
            assert np.array_equal(found[one.key].prompt.audio, wave)
            with Image.open(io.BytesIO(one.media[0].data)) as image:
                assert np.array_equal(np.asarray(found[one.key].prompt.image), np.asarray(image))


@pytest.mark.parametrize("task", ["t2i", "caption", "vqa", "asr", "tts", "svqa", "s2i"])
def test_a_prompt_is_laid_out_as_in_the_training_sample(made: Made, task: GenerationTask) -> None:
    dataset = made.dataset
    codecs = Codecs(origin_of(describe(dataset), "made"))
    (exhibit,) = held_out(dataset, task, 1)
    trained = made.samples[f"{exhibit.key}-{task}"]
    prompt = lay_out_prompt(exhibit.prompt, codecs).ids.numpy()
    assert trained.ids[: len(prompt)].tolist() == prompt.tolist()
    assert trained.loss_spans[0][0] == len(prompt)


def test_records_are_picked_alike_at_every_call_and_as_many_as_asked(made: Made) -> None:
    first = [exhibit.key for exhibit in held_out(made.dataset, "caption", 1)]
    assert first == [exhibit.key for exhibit in held_out(made.dataset, "caption", 1)]
    assert len(first) == 1
    assert [exhibit.key for exhibit in held_out(made.dataset, "caption", 5, split="train")] == [RECORDS[-1].key]


def test_a_record_without_the_task_is_refused() -> None:
    with pytest.raises(ValueError, match="no asr sample"):
        exhibit_of(RECORDS[0], "asr")
