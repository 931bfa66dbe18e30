"""`omniforge tokenizer evaluate --show FOLDER`: round trips to look at and listen to."""

from collections.abc import Sequence
from pathlib import Path

import soundfile
import torch

from omniforge.jobs.tokenizer_image_evaluation import RoundTrip
from omniforge.jobs.tokenizer_speech_evaluation import SpokenRoundTrip
from omniforge.tokenizers.glm4voice.mel import SAMPLE_RATE
from omniforge.tokenizers.pictures import pixels_to_pictures

_GAP = 4


def show_pictures(groups: Sequence[tuple[str, Sequence[RoundTrip]]], folder: Path) -> None:
    """Write a sheet for each kind of picture: originals in the upper row, their round trips below."""
    folder.mkdir(parents=True, exist_ok=True)
    for what, trips in groups:
        columns = [torch.cat([_framed(trip.original), _framed(trip.decoded)], dim=2) for trip in trips]
        (sheet,) = pixels_to_pictures(torch.cat(columns, dim=3))
        sheet.save(folder / f"{what.replace(', ', '-').replace(' ', '')}.png", optimize=True)


def _framed(pixels: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.pad(pixels, (0, _GAP, 0, _GAP), value=1.0)


def show_speech(groups: Sequence[tuple[str, Sequence[SpokenRoundTrip]]], folder: Path) -> None:
    """Write `transcripts.md`, a table of what was said and heard, and each original and round trip as a WAV file."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["| who | said | heard in the original | heard after decoding |", "| --- | --- | --- | --- |"]
    for what, trips in groups:
        for number, trip in enumerate(trips):
            cells = (trip.name, trip.text, trip.heard, trip.heard_decoded)
            lines.append("| " + " | ".join(cell.replace("|", "\\|").strip() for cell in cells) + " |")
            name = f"{what.replace(' ', '-')}-{number}"
            soundfile.write(folder / f"{name}-original.wav", trip.original, SAMPLE_RATE)
            soundfile.write(folder / f"{name}-decoded.wav", trip.decoded, trip.output_rate)
    (folder / "transcripts.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
