"""What a model makes of records it never saw, beside what they say: files and one JSON that a page shows."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.files import write_frames, write_response
from omniforge.trainer.generation.presets import default_sampling
from omniforge.trainer.generation.prompts import Prompt
from omniforge.trainer.generation.responses import GenerationConfig, Response, respond
from omniforge.trainer.generation.tasks import TASKS, GenerationTask
from omniforge.trainer.model.transformer import Dream

SPEECH_RATE = 16_000
PAGE_FILE = "showcase.json"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Exhibit:
    """A held-out record as a prompt, and what it says itself.

    Attributes:
        key: Of the record.
        prompt: The user's side.
        text: The words that the record answers with, None where it does not.
        picture: The picture it answers with.
        sound: The speech it answers with, mono float32 [samples] at 16 kHz.
    """

    key: str
    prompt: Prompt
    text: str | None = None
    picture: Image.Image | None = None
    sound: NDArray[np.float32] | None = None


def write_showcase(
    model: Dream,
    codecs: Codecs,
    exhibits: Iterable[Exhibit],
    folder: Path,
    *,
    steps: int | None = None,
    frames: int = 6,
    batch: int = 16,
) -> list[dict[str, Any]]:
    """Respond to exhibits task by task with the default sampling; write files and `showcase.json`; return its content.

    An entry has `task`, `key`, `steps`, and `prompt`, `truth`, `codec`, `output`: each an object with those of `text`,
    `question`, `picture`, `sound`, `cover` that there are, media as file names in the folder. `codec` is the truth's picture or
    sound after going through its tokenizer, the best that any output can be. `output` also has `frames`, a list of files, and
    `strip`, all of them side by side.

    Args:
        model: In evaluation mode.
        codecs: The tokenizers it was trained with.
        exhibits: Of any tasks.
        folder: Made if absent.
        steps: Forward passes of a response; None is by its length.
        frames: Frames of each picture's making.
        batch: Responses made at once.
    """
    folder.mkdir(parents=True, exist_ok=True)
    by_task: dict[GenerationTask, list[Exhibit]] = {task: [] for task in TASKS}
    for exhibit in exhibits:
        by_task[exhibit.prompt.task].append(exhibit)
    entries = []
    for task, group in by_task.items():
        config = GenerationConfig(sampling=default_sampling(task), steps=steps, batch=batch)
        responses = respond(model, codecs, [exhibit.prompt for exhibit in group], config)
        for number, (exhibit, response) in enumerate(zip(group, responses, strict=True)):
            entries.append(_entry(folder, f"{task}-{number:02d}", exhibit, response, codecs, frames))
    (folder / PAGE_FILE).write_text(json.dumps(entries, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    return entries


def _entry(folder: Path, name: str, exhibit: Exhibit, response: Response, codecs: Codecs, frames: int) -> dict[str, Any]:
    prompt = exhibit.prompt
    output = _named(write_response(folder, f"{name}-output", response), response.text)
    if response.picture is not None:
        *singles, strip = write_frames(folder, f"{name}-output", response, frames)
        output |= {"frames": [path.relative_to(folder).as_posix() for path in singles], "strip": strip.name}
    asked = {
        "text": prompt.text,
        "question": prompt.question,
        "picture": _save(folder / f"{name}-prompt.png", prompt.image),
        "cover": _save(folder / f"{name}-cover.png", prompt.cover),
        "sound": _say(folder / f"{name}-prompt.wav", prompt.audio, SPEECH_RATE),
    }
    truth = {
        "text": exhibit.text,
        "picture": _save(folder / f"{name}-truth.png", exhibit.picture),
        "sound": _say(folder / f"{name}-truth.wav", exhibit.sound, SPEECH_RATE),
    }
    return {
        "task": prompt.task,
        "key": exhibit.key,
        "steps": response.steps,
        "prompt": {part: value for part, value in asked.items() if value is not None},
        "truth": {part: value for part, value in truth.items() if value is not None},
        "codec": _through_codec(folder, name, exhibit, codecs),
        "output": output,
    }


def _through_codec(folder: Path, name: str, exhibit: Exhibit, codecs: Codecs) -> dict[str, str]:
    """Write the truth as its tokenizer gives it back."""
    limits: dict[str, str | None] = {}
    if exhibit.picture is not None:
        again = codecs.picture(codecs.picture_codes(exhibit.picture, codecs.generation))
        limits["picture"] = _save(folder / f"{name}-codec.png", again)
    if exhibit.sound is not None:
        (sound,) = codecs.speech.decode(codecs.speech.encode([exhibit.sound]))
        limits["sound"] = _say(folder / f"{name}-codec.wav", sound, codecs.speech.output_rate)
    return {part: value for part, value in limits.items() if value is not None}


def _named(paths: Sequence[Path], text: str | None) -> dict[str, Any]:
    media = {".png": "picture", ".wav": "sound"}
    named: dict[str, Any] = {media[path.suffix]: path.name for path in paths if path.suffix in media}
    return named if text is None else {"text": text, **named}


def _save(path: Path, picture: Image.Image | None) -> str | None:
    if picture is None:
        return None
    picture.save(path)
    return path.name


def _say(path: Path, sound: NDArray[np.float32] | None, rate: int) -> str | None:
    if sound is None:
        return None
    soundfile.write(path, sound, rate, subtype="PCM_16")
    return path.name
