"""The ledger: one object per unit that happened, and the table of units made from such objects."""

from typing import Literal

import pandera.polars as pa
import polars as pl
from pydantic import BaseModel, ConfigDict, model_validator

from omniforge.schemas.record import STAGES, Stage


class StoredFile(BaseModel):
    """An immutable object of a dataset: its place relative to the root, its size in bytes and the hash of its bytes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str
    bytes: int
    sha256: str


class Counts(BaseModel):
    """What became of the records (and tasks) a unit read. The rule `read = kept + refused + failed` always holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: int
    kept: int
    refused: int
    failed: int
    reasons: dict[str, int] = {}

    @model_validator(mode="after")
    def _accounts_for_all(self) -> "Counts":
        if self.read != self.kept + self.refused + self.failed:
            raise ValueError(f"{self.read} records read, but {self.kept} kept + {self.refused} refused + {self.failed} failed")
        return self


class LedgerEntry(BaseModel):
    """What one unit produced. It exists if and only if the unit happened; the first one written for a unit wins."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    unit: str
    stage: Stage
    corpus: str
    container: str
    start: int
    stop: int
    shard: StoredFile | None
    index: StoredFile
    quarantine: StoredFile
    counts: Counts
    environment: str
    environment_facts: dict[str, str]


class UnitTable(pa.DataFrameModel):
    """A row per unit of a dataset version, from its ledger entries."""

    unit: str = pa.Field(unique=True)
    stage: str = pa.Field(isin=STAGES)
    corpus: str
    container: str
    start: pl.Int64 = pa.Field(ge=0)
    stop: pl.Int64 = pa.Field(ge=0)
    read: pl.Int64 = pa.Field(ge=0)
    kept: pl.Int64 = pa.Field(ge=0)
    refused: pl.Int64 = pa.Field(ge=0)
    failed: pl.Int64 = pa.Field(ge=0)
    shard: str = pa.Field(nullable=True)
    shard_bytes: pl.Int64 = pa.Field(ge=0)
    shard_sha256: str = pa.Field(nullable=True)
    index: str
    index_sha256: str
    environment: str

    class Config:
        """Columns are exactly these."""

        strict = True
