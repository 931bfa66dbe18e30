"""Held-out records of a dataset, read back from its media, and what a checkpoint makes of them."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from made_records import RECORDS, Made, make_records
from PIL import Image

from omniforge.jobs.showcase import exhibit_of, held_out, showcase
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.origin import describe, origin_of
from omniforge.trainer.generation.prompts import lay_out_prompt
from omniforge.trainer.generation.tasks import TASKS, GenerationTask


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    torch.set_num_threads(1)
    return make_records(tmp_path_factory.mktemp("made"))


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
