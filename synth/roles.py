"""The parts that are spoken, and the tasks they are spoken for."""

from typing import Literal

Role = Literal["question", "answer", "speech"]
Task = Literal["svqa", "s2i", "spoken", "recited"]
