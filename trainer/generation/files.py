"""Responses as ordinary files: PNG, WAV, text, and a line of JSON for each."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import soundfile

from omniforge.trainer.generation.frames import contact_strip, unmasking_frames
from omniforge.trainer.generation.responses import Response
from omniforge.trainer.generation.tasks import GenerationTask


class ResponseWriter:
    """Writes responses as `0000.png`, `0000.wav`, `0000.txt`, and a line for each into `results.jsonl`."""

    def __init__(self, folder: Path, task: GenerationTask, frames: int | None = None) -> None:
        """Make the folder.

        Args:
            folder: Where files go; earlier ones of the same names are replaced.
            task: What is written.
            frames: Frames of each picture's making, in `0000.frames/` and side by side in `0000.frames.png`.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.task, self.frames = folder, task, frames
        self.count = 0
        self._results = (folder / "results.jsonl").open("w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._results.close()

    def write(self, row: Mapping[str, Any], response: Response) -> list[Path]:
        """Write what a response holds and return the files that hold it, frames left out."""
        name = f"{self.count:04d}"
        self.count += 1
        written = write_response(self.folder, name, response)
        frames = write_frames(self.folder, name, response, self.frames) if self.frames and response.picture else []
        line = {
            **row,
            "task": self.task,
            "said": response.text,
            "files": [path.name for path in written],
            "frames": [path.relative_to(self.folder).as_posix() for path in frames],
            "steps": response.steps,
            "tokens": len(response.ids),
        }
        self._results.write(json.dumps(line, ensure_ascii=False) + "\n")
        self._results.flush()
        return written


def write_response(folder: Path, name: str, response: Response) -> list[Path]:
    """Write text, picture and speech of a response as files called `name`."""
    written = []
    if response.text is not None:
        written.append(folder / f"{name}.txt")
        written[-1].write_text(response.text + "\n", encoding="utf-8")
    if response.picture is not None:
        written.append(folder / f"{name}.png")
        response.picture.save(written[-1])
    if response.sound is not None:
        written.append(folder / f"{name}.wav")
        soundfile.write(written[-1], response.sound, response.sample_rate, subtype="PCM_16")
    return written


def write_frames(folder: Path, name: str, response: Response, count: int) -> list[Path]:
    """Write the frames of a picture one by one, and all of them side by side as the last file."""
    frames = unmasking_frames(response, count)
    place = folder / f"{name}.frames"
    place.mkdir(exist_ok=True)
    paths = [place / f"{number:03d}.png" for number in range(count)]
    for frame, path in zip(frames, paths, strict=True):
        frame.save(path)
    strip = folder / f"{name}.frames.png"
    contact_strip(frames).save(strip)
    return [*paths, strip]
