"""What an exported record carries along so that it can be read back: all that the open fields of its format cannot hold."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Literal, Self

import polars as pl
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, model_validator

from omniforge.schemas.index import MEASURES, RecordIndex
from omniforge.schemas.record import Kind

FIELD = "omniforge"
"""The field of a line, and the column of a table, that holds an `ExportedRecord` as one JSON string.

A string, not an object: readers that infer one type for a whole file meet the same type in every line.
"""

MEDIA_COLUMNS = {"image": "image", "speech": "speech", "question": "question_audio", "answer": "answer_audio"}
"""Role of a medium -> its column in a table; media of other roles are in the lists `IMAGES` and `AUDIOS`."""

IMAGES, AUDIOS = "more_images", "more_audios"

BESIDE = ("text", "question", "answer", "messages")
"""The columns of a table that stand openly beside `FIELD`."""


ROLE = r"^(image|speech|question|answer)([1-9][0-9]{0,4})?$"
"""Roles of media. They name members of tars and files of exports, so no other is believed, wherever it was read."""


class ExportedMedium(BaseModel):
    """Where a medium of the record lies in the export: in a column (at a place of it, if it is a list), or at a path."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    role: str = Field(pattern=ROLE)
    sha256: str
    column: str | None = None
    place: int | None = None
    path: str | None = None


class ExportedRecord(BaseModel):
    """A record without the bytes of its media.

    `key`, `corpus`, `revision` and `source_uri` are those of the exported record: whoever reads the export back gives it a key
    of its own, as a record of another corpus. `beside_sha256` is the hash of the texts that stand openly beside this field.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: Literal[1] = 1
    key: str
    corpus: str
    revision: str
    source_uri: str
    kind: Kind
    text: str | None
    question: str | None
    answer: str | None
    own_messages: bool
    split: str
    language: str | None
    speaker: str | None
    license: str | None
    parents: tuple[str, ...]
    repairs: tuple[str, ...]
    measures: dict[str, FiniteFloat | str]
    media: tuple[ExportedMedium, ...]
    beside_sha256: str

    @model_validator(mode="after")
    def _roles_are_unique(self) -> Self:
        roles = [medium.role for medium in self.media]
        if repeated := {role for role in roles if roles.count(role) > 1}:
            raise ValueError(f"two media have the role {min(repeated)!r}")
        return self


def beside_sha256(texts: Sequence[str | None]) -> str:
    """Hash the texts that an export shows openly."""
    return hashlib.sha256(json.dumps(list(texts), ensure_ascii=True).encode()).hexdigest()


def measures_problem(measures: Mapping[str, float | str]) -> str:
    """Say which measure the index cannot hold, and why; empty if there is none. What is no column of it may be anything."""
    for name, (kind, least) in _index_columns().items():
        value = measures.get(name)
        if value is not None and not isinstance(value, kind):
            return f"the measure {name} is {value!r}, no {'text' if kind is str else 'number'}"
        if isinstance(value, float) and value < least:
            return f"the measure {name} is {value}, at least {least} is possible"
    return ""


@cache
def _index_columns() -> dict[str, tuple[type, float]]:
    """Measure -> its type, and the least that it can be."""
    columns = RecordIndex.to_schema().columns
    return {
        name: (
            str if columns[name].dtype.type == pl.String else float,
            max((check.statistics.get("min_value", -math.inf) for check in columns[name].checks), default=-math.inf),
        )
        for name in MEASURES
    }
