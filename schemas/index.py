"""The index beside each media shard: a row per record, with where each of its members lies."""

import pandera.polars as pa
import polars as pl

from omniforge.schemas.record import KINDS

MEMBER = pl.Struct(
    {
        "name": pl.String,
        "role": pl.String,
        "format": pl.String,
        "offset": pl.Int64,
        "size": pl.Int64,
        "sha256": pl.String,
        "width": pl.Int32,
        "height": pl.Int32,
        "sample_rate": pl.Int32,
        "seconds": pl.Float64,
        "channels": pl.Int32,
    }
)
"""A tar member: its payload is `size` bytes at `offset` of the shard."""

_REGION = r"[^;@]*\w[^;@]* @( (0(\.\d+)?|1(\.0+)?)){4}"
REGIONS = rf"^{_REGION}(; {_REGION})*$"
"""What lies where in the record's `image`: words, and a box as fractions of its sides, left, top, right, bottom."""

_MENTION = r"[^;=+]*\w[^;=+]* =( \w+)* \+( \w+)*"
MENTIONS = rf"^{_MENTION}(; {_MENTION})*$"
"""Which phrases of a user's words mean what is in the picture: the phrase, the words that it tells, and those found there."""


class RecordIndex(pa.DataFrameModel):
    """A row per record of the media layer."""

    key: str = pa.Field(unique=True, str_matches=r"^[A-Za-z0-9_-]+$")
    corpus: str
    revision: str
    split: str
    kind: str = pa.Field(isin=KINDS)
    text: str = pa.Field(nullable=True)
    question: str = pa.Field(nullable=True)
    answer: str = pa.Field(nullable=True)
    messages: str = pa.Field(nullable=True)
    language: str = pa.Field(nullable=True)
    speaker: str = pa.Field(nullable=True)
    license: str = pa.Field(nullable=True)
    source_uri: str = pa.Field(str_contains="#")
    parents: pl.List = pa.Field(dtype_kwargs={"inner": pl.String})
    repairs: pl.List = pa.Field(dtype_kwargs={"inner": pl.String})
    pictures: pl.Int32 = pa.Field(ge=0)
    seconds: float = pa.Field(ge=0)
    voice: str = pa.Field(nullable=True)
    answer_voice: str = pa.Field(nullable=True)
    engine: str = pa.Field(nullable=True)
    answer_engine: str = pa.Field(nullable=True)
    wer: float = pa.Field(ge=0, nullable=True)
    answer_wer: float = pa.Field(ge=0, nullable=True)
    quality: float = pa.Field(nullable=True)
    answer_quality: float = pa.Field(nullable=True)
    augmentation: str = pa.Field(nullable=True)
    answer_augmentation: str = pa.Field(nullable=True)
    asr_text: str = pa.Field(nullable=True)
    peak_db: float = pa.Field(nullable=True)
    words_per_second: float = pa.Field(ge=0, nullable=True)
    regions: str = pa.Field(nullable=True, str_matches=REGIONS)
    mentions: str = pa.Field(nullable=True, str_matches=MENTIONS)
    unit: str
    shard: str
    members: pl.List = pa.Field(dtype_kwargs={"inner": MEMBER})

    class Config:
        """Columns are exactly these."""

        strict = True


MEASURES = (
    "voice",
    "answer_voice",
    "engine",
    "answer_engine",
    "wer",
    "answer_wer",
    "quality",
    "answer_quality",
    "augmentation",
    "answer_augmentation",
    "asr_text",
    "peak_db",
    "words_per_second",
    "regions",
    "mentions",
)
"""The columns that `Record.measures` may fill."""
