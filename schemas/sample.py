"""The index beside each token shard: a row per task sample."""

import pandera.polars as pa
import polars as pl

from omniforge.schemas.index import MEMBER

TASKS = ("t2i", "caption", "vqa", "asr", "tts", "svqa", "s2i", "chat")
"""What a sample can be for; the columns of DESIGN section 4."""


class SampleIndex(pa.DataFrameModel):
    """A row per sample of the token layer. Lengths are numbers of tokens; `record` is the key of the media record."""

    key: str = pa.Field(unique=True, str_matches=r"^[A-Za-z0-9_-]+$")
    task: str = pa.Field(isin=TASKS)
    corpus: str
    split: str
    record: str
    source_uri: str = pa.Field(str_contains="#")
    parents: pl.List = pa.Field(dtype_kwargs={"inner": pl.String})
    license: str = pa.Field(nullable=True)
    language: str = pa.Field(nullable=True)
    length: pl.Int32 = pa.Field(gt=0)
    text_tokens: pl.Int32 = pa.Field(ge=0)
    image_tokens: pl.Int32 = pa.Field(ge=0)
    speech_tokens: pl.Int32 = pa.Field(ge=0)
    loss_tokens: pl.Int32 = pa.Field(gt=0)
    seconds: float = pa.Field(ge=0)
    voice: str = pa.Field(nullable=True)
    engine: str = pa.Field(nullable=True)
    wer: float = pa.Field(ge=0, nullable=True)
    unit: str
    shard: str
    members: pl.List = pa.Field(dtype_kwargs={"inner": MEMBER})

    class Config:
        """Columns are exactly these."""

        strict = True
