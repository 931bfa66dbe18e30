"""Commit a unit exactly once: its objects first, then one ledger object that only the first committer can create."""

import json
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor

import polars as pl
from pydantic import ValidationError

from omniforge.pipeline.environment import environment_facts, environment_fingerprint
from omniforge.pipeline.plan import Unit
from omniforge.pipeline.storage import StorageError, Store, put_content
from omniforge.schemas.ledger import Counts, LedgerEntry

READERS = 16
"""Ledger entries read at once: they are small, and on S3 each costs a round trip."""


def ledger_key(unit: str) -> str:
    """Where the ledger entry of a unit lies."""
    return f"ledger/{unit[:2]}/{unit}.json"


def read_entry(store: Store, unit: str) -> LedgerEntry:
    """Read the entry of a unit that happened; raise `StorageError` if it did not, or if this version cannot read it."""
    try:
        return LedgerEntry.model_validate_json(store.read(ledger_key(unit)))
    except ValidationError as error:
        raise StorageError(
            f"{store.root}/{ledger_key(unit)} is no ledger entry of this version of omniforge: {error}"
        ) from None


def committed(store: Store, units: Iterable[Unit]) -> dict[str, LedgerEntry]:
    """Return the entries of those units that already happened."""
    wanted = {unit.id for unit in units}
    done = {key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.list("ledger")}
    happened = sorted(wanted & done)
    with ThreadPoolExecutor(READERS) as pool:
        return dict(zip(happened, pool.map(lambda unit: read_entry(store, unit), happened), strict=True))


def counts_of(read: int, kept: int, quarantine: pl.DataFrame) -> Counts:
    """Count outcomes of a unit from its tables; raise if they do not add up to what was read."""
    reasons = Counter(quarantine["reason"].to_list())
    refused = quarantine.filter(pl.col("outcome") == "refused").height
    return Counts(
        read=read, kept=kept, refused=refused, failed=quarantine.height - refused, reasons=dict(sorted(reasons.items()))
    )


def parquet_bytes(frame: pl.DataFrame) -> bytes:
    """Encode a table; equal tables give equal bytes under one version of Arrow."""
    import io

    import pyarrow.parquet

    buffer = io.BytesIO()
    pyarrow.parquet.write_table(frame.to_arrow(), buffer, compression="zstd")
    return buffer.getvalue()


def commit(
    store: Store, unit: Unit, *, shard: bytes | None, index: pl.DataFrame, quarantine: pl.DataFrame, counts: Counts
) -> LedgerEntry:
    """Write what a unit made and record that it happened; return the entry that counts, ours or an earlier winner's.

    `index` comes without the column `shard`, whose value is known only when the shard has its name. A loser's objects stay
    behind as garbage that no manifest names.
    """
    layer = "tokens" if unit.stage == "tokenize" else "media"
    stored = None if shard is None else put_content(store, f"shards/{layer}", unit.id, ".tar", shard)
    index = index.with_columns(pl.lit(stored.url if stored else "", dtype=pl.String).alias("shard"))
    entry = LedgerEntry(
        unit=unit.id,
        stage=unit.stage,
        corpus=unit.corpus,
        container=unit.container,
        start=unit.start,
        stop=unit.stop,
        shard=stored,
        index=put_content(store, f"index/{layer}", unit.id, ".parquet", parquet_bytes(index)),
        quarantine=put_content(store, f"quarantine/{layer}", unit.id, ".parquet", parquet_bytes(quarantine)),
        counts=counts,
        environment=environment_fingerprint(),
        environment_facts=environment_facts(),
    )
    text = json.dumps(entry.model_dump(mode="json"), sort_keys=True, indent=1, ensure_ascii=False)
    if store.create(ledger_key(unit.id), text.encode()):
        return entry
    return read_entry(store, unit.id)
