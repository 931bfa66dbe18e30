"""Prompts of `omniforge generate` from options or a JSONL file, their pictures and sounds read and judged."""

import argparse
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from omniforge.jobs.config import ConfigError
from omniforge.pipeline.filters.pictures import PictureConfig, check_picture
from omniforge.pipeline.filters.problem import Problem
from omniforge.pipeline.filters.sound import SoundConfig, check_sound
from omniforge.trainer.generation.prompts import Prompt
from omniforge.trainer.generation.tasks import NEEDS, GenerationTask

FIELDS = ("text", "question", "image", "audio", "mask", "box")
_FILES = ("image", "audio", "mask")
Row = Mapping[str, Any]


def prompt_rows(options: argparse.Namespace) -> list[Row]:
    """Return a row for each prompt that the arguments name: fields as given, paths that lead somewhere, and a seed.

    Raises:
        ConfigError: Nothing is given, numbers of options do not match, a field is not the task's, or the JSONL file is not what
            it should be.
        ValueError: A file is absent.
    """
    given = {name: values for name in FIELDS if (values := getattr(options, name))}
    if options.input is not None:
        if given:
            raise ConfigError(f"--input names all prompts; give --{sorted(given)[0]} in its lines")
        rows = _read_lines(Path(options.input))
    else:
        rows = _side_by_side(given)
    for row in rows:
        _check(row, options.task)
    return [{"seed": options.seed + number, **row} for number, row in enumerate(rows)]


def _check(row: Row, task: GenerationTask) -> None:
    """Refuse a prompt that lacks what its task takes, or whose files are absent, before a model is loaded for it."""
    needed = {name for name in NEEDS[task] if name != "cover"}
    covers = {"mask", "box"} & set(row)
    wrong = needed - set(row) or set(row) - needed - {"seed"} - covers or len(covers) != ("cover" in NEEDS[task])
    if wrong:
        takes = ", ".join(name.replace("cover", "either mask or box") for name in NEEDS[task])
        raise ConfigError(f"task {task} takes {takes}; given are {', '.join(name for name in FIELDS if name in row)}")
    for name in _FILES:
        if name in row and not Path(row[name]).is_file():
            raise ValueError(f"{name} {row[name]}: no such file")


def _side_by_side(given: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    if not given:
        raise ConfigError("nothing to respond to; give " + ", ".join(f"--{name}" for name in FIELDS) + " or --input")
    count = max(map(len, given.values()))
    for name, values in given.items():
        if len(values) not in (1, count):
            raise ConfigError(
                f"--{name} is given {len(values)} times and another option {count}; give it once or {count} times"
            )
    return [{name: values[number % len(values)] for name, values in given.items()} for number in range(count)]


def _read_lines(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        raise ConfigError(f"--input {path}: no such file")
    rows = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise ConfigError(f"{path} line {number}: not JSON ({error})") from None
        if not isinstance(row, dict) or (strange := sorted(set(row) - {*FIELDS, "seed"})):
            what = f"unknown {strange[0]!r}" if isinstance(row, dict) else "no object"
            raise ConfigError(f"{path} line {number}: {what}; a line is an object of {', '.join(FIELDS)} and seed")
        if isinstance(row.get("box"), list):
            row["box"] = ",".join(map(str, row["box"]))
        for name, kind in {**dict.fromkeys(FIELDS, str), "seed": int}.items():
            if name in row and not isinstance(row[name], kind):
                raise ConfigError(f"{path} line {number}: {name} is {row[name]!r}; a {kind.__name__} is needed")
        rows.append({**row, **{name: str(path.parent / row[name]) for name in _FILES if name in row}})
    if not rows:
        raise ConfigError(f"--input {path}: no prompt in it")
    return rows


def load_prompt(row: Row, task: GenerationTask) -> Prompt:
    """Read the files of a row; each is judged by its content, as those of a corpus are.

    Raises:
        ValueError: A file is not what it is given as, or mask or box do not fit the picture.
    """
    image = read_picture(row["image"]) if "image" in row else None
    cover = None
    if "mask" in row:
        cover = read_picture(row["mask"], PictureConfig(min_side=1, blank_range=-1))
    elif "box" in row and image is not None:
        cover = _box(row["box"], image.size)
    return Prompt(
        task=task,
        text=row.get("text"),
        question=row.get("question"),
        image=image,
        audio=read_speech(row["audio"]) if "audio" in row else None,
        cover=cover,
        seed=row["seed"],
    )


def read_picture(path: str, config: PictureConfig | None = None) -> Image.Image:
    """Read a picture that a user names, upright and in RGB.

    Raises:
        ValueError: It is no picture that can be used; the message says why.
    """
    checked = check_picture(Path(path).read_bytes(), "image", config or PictureConfig())
    if isinstance(checked, Problem):
        raise ValueError(f"picture {path}: {checked.reason}: {checked.detail}; give a JPEG, PNG or WebP")
    with Image.open(io.BytesIO(checked.file.data)) as picture:
        return picture.convert("RGB")


def read_speech(path: str) -> NDArray[np.float32]:
    """Read a recording that a user names, mono float32 [samples] at 16 kHz.

    Raises:
        ValueError: It is no sound that can be used; the message says why.
    """
    checked = check_sound(Path(path).read_bytes(), "speech", SoundConfig())
    if isinstance(checked, Problem):
        raise ValueError(f"sound {path}: {checked.reason}: {checked.detail}; give a WAV, FLAC, OGG or MP3 file")
    samples, _ = soundfile.read(io.BytesIO(checked.file.data), dtype="float32")
    return np.asarray(samples, dtype=np.float32)


def _box(text: str, size: tuple[int, int]) -> Image.Image:
    try:
        x, y, width, height = (int(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"box {text!r}: write x,y,width,height in pixels") from None
    inside = 0 <= x < x + width <= size[0] and 0 <= y < y + height <= size[1]
    if not inside:
        raise ValueError(f"box {text}: not inside the picture of {size[0]} x {size[1]} pixels, or empty")
    cover = Image.new("L", size, 0)
    ImageDraw.Draw(cover).rectangle((x, y, x + width - 1, y + height - 1), fill=255)
    return cover
