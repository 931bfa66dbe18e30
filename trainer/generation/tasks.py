"""The tasks that a model is given, and what each takes; light, for command lines."""

from collections.abc import Mapping
from typing import Literal, get_args

GenerationTask = Literal["t2i", "caption", "vqa", "asr", "tts", "svqa", "s2i", "inpaint"]
TASKS: tuple[GenerationTask, ...] = get_args(GenerationTask)

NEEDS: Mapping[GenerationTask, tuple[str, ...]] = {
    "t2i": ("text",),
    "caption": ("image",),
    "vqa": ("image", "question"),
    "asr": ("audio",),
    "tts": ("text",),
    "svqa": ("audio", "image"),
    "s2i": ("audio",),
    "inpaint": ("text", "image", "cover"),
}
"""Fields of a `Prompt` that a task takes, all of them and no others."""
