"""Held-out records of a token dataset as prompts, and what a checkpoint makes of them."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from PIL import Image, ImageDraw

from omniforge.pipeline.catalog import connect, lineage, rows
from omniforge.pipeline.media import read_record
from omniforge.pipeline.reference import Dataset, open_dataset
from omniforge.pipeline.tasks import plan_samples
from omniforge.schemas.record import MediaFile, Record
from omniforge.trainer.generation.prompts import Prompt
from omniforge.trainer.generation.showcase import Exhibit
from omniforge.trainer.generation.tasks import NEEDS, TASKS, GenerationTask
from omniforge.trainer.shuffle import seed_of

_PICKED = """
    select key, dataset from (
        select records.key, records.dataset, row_number() over (partition by records.key order by records.dataset) as copy
        from samples join records on samples.record = records.key
        where samples.task = $task and samples.split = $split and records.messages is null
    ) where copy = 1 order by hash(key) limit $count"""
"""Spread over the corpora by a hash, the same at every call. Conversations with a wording of their own are left out."""


def showcase(
    checkpoint: str,
    reference: str,
    folder: str | Path,
    *,
    per_task: int = 4,
    tasks: Sequence[GenerationTask] = TASKS,
    split: str = "test",
    steps: int | None = None,
    frames: int = 6,
    own_origin: bool = False,
) -> list[dict[str, Any]]:
    """Have a checkpoint respond to held-out records of a token dataset; `trainer/generation/showcase.py` says what is written.

    The checkpoint may be of another dataset (`own_origin`): it then responds with the tokenizers, resolutions and lengths that
    it says itself. Tasks of which the split has no record are left out.

    Raises:
        ValueError: The checkpoint cannot be used, or belongs to other tokenizers than the dataset.
    """
    from omniforge.trainer.generation.codecs import Codecs
    from omniforge.trainer.generation.origin import describe, origin_of, read_origin
    from omniforge.trainer.generation.showcase import write_showcase
    from omniforge.trainer.model.checkpoint_keys import load_pretrained

    dataset = open_dataset(reference)
    codecs = Codecs(read_origin(checkpoint) if own_origin else origin_of(describe(dataset), dataset.reference))
    model = load_pretrained(checkpoint).eval()
    exhibits = [exhibit for task in tasks for exhibit in held_out(dataset, task, per_task, split)]
    return write_showcase(model, codecs, exhibits, Path(folder), steps=steps, frames=frames)


def held_out(dataset: Dataset, task: GenerationTask, count: int, split: str = "test") -> Iterator[Exhibit]:
    """Yield up to `count` records of a split that give samples of a task, read from the media behind a token dataset.

    Repainting takes pictures of t2i records, their middle covered.
    """
    stores = {d.manifest.content.name: d.store for d in lineage(dataset).datasets}
    wanted = {"task": "t2i" if task == "inpaint" else task, "split": split, "count": count}
    connection = connect(dataset)
    try:
        picked = connection.execute(_PICKED, wanted).fetchall()
        for key, name in picked:
            (row,) = rows(connection, "select * from records where key = $1 and dataset = $2 limit 1", [key, name])
            yield exhibit_of(read_record(stores[name], row), task)
    finally:
        connection.close()


def exhibit_of(record: Record, task: GenerationTask) -> Exhibit:
    """Divide a record into what is asked and what it answers, as its training sample of the task does.

    Raises:
        ValueError: The record gives no sample of the task.
    """
    base = "t2i" if task == "inpaint" else task
    plan = next((plan for plan in plan_samples(record) if plan.task == base), None)
    if plan is None:
        raise ValueError(f"record {record.key}: a {record.kind} record with its media gives no {base} sample")
    files = {file.role: file for file in record.media}
    pictures = {placed.turn: _picture(files[placed.media]) for placed in plan.pictures}
    sounds = {placed.turn: _sound(files[placed.media]) for placed in plan.sounds}
    painted = pictures.get("assistant")
    prompt = Prompt(
        task=task,
        text=record.text if "text" in NEEDS[task] else None,
        question=record.question if "question" in NEEDS[task] else None,
        image=painted if task == "inpaint" else pictures.get("user"),
        audio=sounds.get("user"),
        cover=_middle(painted) if task == "inpaint" and painted is not None else None,
        seed=seed_of("shown", record.key),
        wording=record.key,
    )
    said = {"caption": record.text, "asr": record.text, "vqa": record.answer, "svqa": record.answer}
    return Exhibit(key=record.key, prompt=prompt, text=said.get(task), picture=painted, sound=sounds.get("assistant"))


def _picture(file: MediaFile) -> Image.Image:
    with Image.open(io.BytesIO(file.data)) as picture:
        return picture.convert("RGB")


def _sound(file: MediaFile) -> "np.ndarray[Any, np.dtype[np.float32]]":
    samples, _ = soundfile.read(io.BytesIO(file.data), dtype="float32")
    return np.asarray(samples, dtype=np.float32)


def _middle(picture: Image.Image) -> Image.Image:
    """Cover the middle of a picture, half of its width and height."""
    width, height = picture.size
    cover = Image.new("L", picture.size, 0)
    ImageDraw.Draw(cover).rectangle((width // 4, height // 4, width - width // 4 - 1, height - height // 4 - 1), fill=255)
    return cover
