"""A dataset version: which immutable parts belong to it, what it was made from and with."""

import hashlib
import json
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from omniforge.schemas.ledger import StoredFile

SCHEMA_VERSION = 1


class Totals(BaseModel):
    """Sums over a part or a version. `by_kind` counts by kind or task; `tokens` is empty in the media layer."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    read: int
    kept: int
    refused: int
    failed: int
    shards: int
    shard_bytes: int
    seconds: float
    by_kind: dict[str, int]
    tokens: dict[str, int]


class Part(BaseModel):
    """A group of three Parquet files over the same units: their index, their quarantine and the units themselves.

    `totals` and `corpora` sum the part up, so that a version which shares it need not read it again.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    units: StoredFile
    index: StoredFile
    quarantine: StoredFile
    unit_count: int
    rows: int
    totals: Totals
    corpora: tuple[dict[str, Any], ...]


class ManifestContent(BaseModel):
    """What a version is, without when, where and by whom: equal content has an equal hash.

    `inputs` are the datasets it was made from (`name@sha256:...`); `corpora` gives the number of records by corpus, revision
    and licence; `config`, `vocabulary` and `models` are what one needs to make or read it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = 1
    layer: Literal["media", "tokens"]
    name: str
    code_version: str
    config: dict[str, Any]
    vocabulary: dict[str, Any]
    models: dict[str, str]
    environments: tuple[str, ...]
    inputs: tuple[str, ...]
    corpora: tuple[dict[str, Any], ...]
    totals: Totals
    parts: tuple[Part, ...]

    def sha256(self) -> str:
        """Hex digest of the canonical JSON."""
        text = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()


class Manifest(BaseModel):
    """One immutable version of a dataset, as it lies in `manifests/<name>/v<NNNNNN>.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int
    parent: int | None
    created: str
    content_sha256: str
    content: ManifestContent

    @property
    def reference(self) -> str:
        """`name@v<N>`, without the root."""
        return f"{self.content.name}@v{self.version}"
