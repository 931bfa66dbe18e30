"""Publish a dataset version: compact what its units made into immutable parts, share the parent's, claim the next number."""

import datetime
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal

import polars as pl

from omniforge.pipeline.ledger import parquet_bytes
from omniforge.pipeline.reference import NAME, manifest_key, read_manifest, versions
from omniforge.pipeline.storage import StorageError, Store, put_content, read_verified
from omniforge.schemas.index import RecordIndex
from omniforge.schemas.ledger import LedgerEntry, UnitTable
from omniforge.schemas.manifest import Manifest, ManifestContent, Part, Totals
from omniforge.schemas.quarantine import Quarantine
from omniforge.schemas.sample import SampleIndex
from omniforge.schemas.table import polars_schema, require_valid

ROWS_PER_PART = 1_000_000
PUBLISH_TRIES = 100
SUMMED = ("read", "kept", "refused", "failed", "shards", "shard_bytes")


def compact(
    store: Store, layer: Literal["media", "tokens"], entries: Mapping[str, LedgerEntry], parent: Manifest | None
) -> tuple[Part, ...]:
    """Return the parts that cover exactly these units: the parent's as far as all their units are wanted, else new ones."""
    left = dict(sorted(entries.items()))
    parts = []
    for part in parent.content.parts if parent else ():
        units = pl.read_parquet(io.BytesIO(read_verified(store, part.units)))["unit"].to_list()
        if all(unit in left for unit in units):
            parts.append(part)
            for unit in units:
                del left[unit]
    parts.extend(_new_part(store, layer, group) for group in _groups(list(left.values())))
    return tuple(parts)


def _groups(entries: Sequence[LedgerEntry]) -> Iterator[list[LedgerEntry]]:
    group: list[LedgerEntry] = []
    rows = 0
    for entry in entries:
        group.append(entry)
        rows += entry.counts.read
        if rows >= ROWS_PER_PART:
            yield group
            group, rows = [], 0
    if group:
        yield group


def _new_part(store: Store, layer: Literal["media", "tokens"], entries: Sequence[LedgerEntry]) -> Part:
    model = RecordIndex if layer == "media" else SampleIndex
    index = pl.concat(
        [require_valid(model, pl.read_parquet(io.BytesIO(read_verified(store, e.index))), e.index.url) for e in entries]
    )
    repeated = index.filter(pl.col("key").is_duplicated())
    if repeated.height:
        raise StorageError(f"two units made the key {repeated['key'][0]!r}; are two corpora of one name in the config?")
    quarantine = pl.concat([pl.read_parquet(io.BytesIO(read_verified(store, e.quarantine))) for e in entries])
    require_valid(Quarantine, quarantine, "quarantine")
    units = pl.DataFrame([_unit_row(entry) for entry in entries], schema=polars_schema(UnitTable), orient="row")
    require_valid(UnitTable, units, "units")

    folder = f"parts/{layer}"
    return Part(
        units=put_content(store, folder, "units", ".parquet", parquet_bytes(units)),
        index=put_content(store, folder, "index", ".parquet", parquet_bytes(index)),
        quarantine=put_content(store, folder, "quarantine", ".parquet", parquet_bytes(quarantine)),
        unit_count=units.height,
        rows=index.height,
        totals=_totals(layer, units, index),
        corpora=_corpora(layer, index),
    )


def _unit_row(entry: LedgerEntry) -> dict[str, Any]:
    counts = entry.counts
    return {
        **{name: getattr(entry, name) for name in ("unit", "stage", "corpus", "container", "start", "stop", "environment")},
        **{name: getattr(counts, name) for name in ("read", "kept", "refused", "failed")},
        "shard": entry.shard.url if entry.shard else None,
        "shard_bytes": entry.shard.bytes if entry.shard else 0,
        "shard_sha256": entry.shard.sha256 if entry.shard else None,
        "index": entry.index.url,
        "index_sha256": entry.index.sha256,
    }


def read_part(store: Store, part: Part, table: Literal["units", "index", "quarantine"]) -> pl.DataFrame:
    """Read one table of a part whole, its bytes held against the manifest."""
    return pl.read_parquet(io.BytesIO(read_verified(store, getattr(part, table))))


def _totals(layer: Literal["media", "tokens"], units: pl.DataFrame, index: pl.DataFrame) -> Totals:
    modalities = ("text", "image", "speech", "loss") if layer == "tokens" else ()
    return Totals(
        **{name: int(units[name].sum()) for name in ("read", "kept", "refused", "failed")},
        shards=units["shard"].drop_nulls().len(),
        shard_bytes=int(units["shard_bytes"].sum()),
        seconds=round(float(index["seconds"].sum()), 3),
        by_kind=dict(sorted(index["kind" if layer == "media" else "task"].value_counts().rows())),
        tokens={modality: int(index[f"{modality}_tokens"].sum()) for modality in modalities},
    )


def _corpora(layer: Literal["media", "tokens"], index: pl.DataFrame) -> tuple[dict[str, Any], ...]:
    """Number of records by corpus, revision and licence."""
    revision = pl.col("revision") if layer == "media" else pl.lit("").alias("revision")
    counted = index.group_by("corpus", revision, pl.col("license").fill_null("")).agg(pl.len().alias("records"))
    return tuple(counted.sort("corpus", "revision", "license").iter_rows(named=True))


def totals_of(parts: Sequence[Part]) -> tuple[Totals, tuple[dict[str, Any], ...]]:
    """Sum up a version from what its parts say of themselves; return the totals and the records by corpus and licence."""
    each = [part.totals for part in parts]
    kinds: Counter[str] = sum((Counter(totals.by_kind) for totals in each), Counter())
    tokens: Counter[str] = Counter()
    for totals in each:
        tokens.update(totals.tokens)
    corpora: Counter[tuple[str, str, str]] = Counter()
    for row in (row for part in parts for row in part.corpora):
        corpora[row["corpus"], row["revision"], row["license"]] += row["records"]
    totals = Totals(
        **{name: sum(getattr(totals, name) for totals in each) for name in SUMMED},
        seconds=round(sum(totals.seconds for totals in each), 3),
        by_kind=dict(sorted(kinds.items())),
        tokens=dict(tokens),
    )
    rows = [{"corpus": c, "revision": r, "license": lic, "records": n} for (c, r, lic), n in sorted(corpora.items())]
    return totals, tuple(rows)


def publish(
    store: Store,
    *,
    layer: Literal["media", "tokens"],
    name: str,
    entries: Mapping[str, LedgerEntry],
    code_version: str,
    config: dict[str, Any],
    models: dict[str, str],
    inputs: Sequence[str],
    vocabulary: dict[str, Any] | None = None,
) -> Manifest:
    """Publish what these units made as the next version of a dataset, or find that the latest version already is that.

    Two publishers at once get a version each: who loses the race for a number looks at the winner's version, and either finds
    its own content there or goes on from it.

    Raises:
        StorageError: there is nothing to publish, the name cannot stand in a reference, or the number stayed contested.
    """
    if not NAME.fullmatch(name):
        raise StorageError(f"{name!r} cannot name a dataset: letters, digits, dot, underscore and hyphen can")
    if not entries:
        raise StorageError(f"nothing to publish as {name!r}: no unit happened; run the build first")
    for _ in range(PUBLISH_TRIES):
        there = versions(store, name)
        parent = read_manifest(store, name, there[-1]) if there else None
        parts = compact(store, layer, entries, parent)
        totals, corpora = totals_of(parts)
        content = ManifestContent(
            layer=layer,
            name=name,
            code_version=code_version,
            config=config,
            vocabulary=vocabulary or {},
            models=models,
            environments=tuple(sorted({entry.environment for entry in entries.values()})),
            inputs=tuple(inputs),
            corpora=corpora,
            totals=totals,
            parts=parts,
        )
        digest = content.sha256()
        if parent is not None and parent.content_sha256 == digest:
            return parent
        manifest = Manifest(
            version=(parent.version if parent else 0) + 1,
            parent=parent.version if parent else None,
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            content_sha256=digest,
            content=content,
        )
        text = json.dumps(manifest.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False)
        if store.create(manifest_key(name, manifest.version), text.encode()):
            return manifest
    raise StorageError(f"{store.root}/{name}: {PUBLISH_TRIES} other versions were published meanwhile; run publish again")
