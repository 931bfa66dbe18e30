import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from omniforge.pipeline.ledger import commit, counts_of, ledger_key, parquet_bytes
from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records, quarantine_frame
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.samples import commit_samples
from omniforge.pipeline.storage import Store, put_content
from omniforge.pipeline.validation import validate
from omniforge.schemas.ledger import LedgerEntry
from omniforge.schemas.manifest import Part


def found(dataset: Dataset) -> str:
    return "\n".join(f"{finding.where}: {finding.what}" for finding in validate(dataset))


def published(store: Store, entries: dict[str, LedgerEntry], **changes: Any) -> Dataset:
    values: dict[str, Any] = {"code_version": "1", "config": {}, "models": {}, "inputs": (), "layer": "media", "name": "demo"}
    return Dataset(store, publish(store, entries=entries, **(values | changes)))


def shard_of(dataset: Dataset) -> str:
    return next(dataset.store.list(f"shards/{dataset.manifest.content.layer}"))


def with_part(dataset: Dataset, part: Part) -> Dataset:
    """The version as if it named another part."""
    content = dataset.manifest.content.model_copy(update={"parts": (part,)})
    return replace(dataset, manifest=dataset.manifest.model_copy(update={"content": content}))


def recommitted(store: Store, entry: LedgerEntry, shard: bytes, index: pl.DataFrame | None = None) -> LedgerEntry:
    """The entry of a faulty writer: another shard under the index of the first, committed with matching hashes."""
    (store_path := Path(store.root, ledger_key(entry.unit))).unlink()
    assert not store_path.exists()
    stored = put_content(store, "shards/media", entry.unit, ".tar", shard)
    table = pl.read_parquet(store.read(entry.index.url)) if index is None else index
    table = table.with_columns(pl.lit(stored.url).alias("shard"))
    new = put_content(store, "index/media", entry.unit, ".parquet", parquet_bytes(table))
    return entry.model_copy(update={"shard": stored, "index": new})


@pytest.fixture
def media(local: Store, toy: Any) -> Dataset:
    dataset: Dataset = toy.publish_media(local, range(2))
    return dataset


@pytest.fixture
def tokens(local: Store, toy: Any, media: Dataset) -> Dataset:
    dataset: Dataset = toy.publish_tokens(local, media, range(2))
    return dataset


def test_versions_as_they_were_published_are_sound(media: Dataset, tokens: Dataset) -> None:
    assert found(media) == found(tokens) == ""


def test_one_altered_byte_of_a_shard_is_found(media: Dataset) -> None:
    url = shard_of(media)
    data = bytearray(media.store.read(url))
    data[len(data) // 2] ^= 1
    media.store.write(url, bytes(data))
    assert found(media) == f"{url}: the bytes are not those that were committed; restore or rebuild the shard"


def test_a_missing_shard_is_found(media: Dataset) -> None:
    url = shard_of(media)
    Path(media.store.root, url).unlink()
    assert url in found(media)
    assert "no such object" in found(media)


def test_a_missing_part_is_found(media: Dataset) -> None:
    url = media.manifest.content.parts[0].quarantine.url
    Path(media.store.root, url).unlink()
    assert url in found(media)


def test_a_member_that_the_shard_lacks_is_found(local: Store, toy: Any) -> None:
    unit = toy.unit()
    record = toy.record(1)
    entry = commit_records(local, unit, [record])
    assert entry.shard is not None
    from omniforge.pipeline.shards import write_tar

    document = local.read(entry.shard.url)[512:1024]
    shard, _ = write_tar([(f"{record.key}.json", document.rstrip(b"\0"))])
    dataset = published(local, {unit.id: recommitted(local, entry, shard)})
    assert f"member {record.key}.image.png is in the index alone" in found(dataset)


def test_a_member_that_the_index_lacks_is_found(local: Store, toy: Any) -> None:
    unit = toy.unit()
    entry = commit_records(local, unit, [toy.record(1), toy.record(2)])
    assert entry.shard is not None
    index = pl.read_parquet(local.read(entry.index.url)).head(1)
    dataset = published(local, {unit.id: recommitted(local, entry, local.read(entry.shard.url), index)})
    assert f"member {toy.record(2).key}.json is in the shard alone" in found(dataset)
    assert "2 kept by its ledger, 1 in the index" in found(dataset)


def test_media_swapped_between_records_are_found(local: Store, toy: Any) -> None:
    unit = toy.unit()
    one, two = toy.record(1), toy.record(2)
    entry = commit_records(local, unit, [one, two])
    other = toy.unit(9)
    swapped = commit_records(local, other, [replace(one, media=two.media), replace(two, media=one.media)])
    assert swapped.shard is not None
    dataset = published(local, {unit.id: recommitted(local, entry, local.read(swapped.shard.url))})
    assert f"member {one.key}.image.png has other bytes than its index says" in found(dataset)


def test_a_shard_that_is_no_archive_is_found(local: Store, toy: Any) -> None:
    unit = toy.unit()
    dataset = published(local, {unit.id: recommitted(local, commit_records(local, unit, [toy.record(1)]), b"x" * 2000)})
    assert "no tar archive" in found(dataset)


def token_dataset(store: Store, toy: Any, sample: Any) -> Dataset:
    unit = toy.unit(stage="tokenize")
    entries = {unit.id: commit_samples(store, unit, [sample])}
    return published(store, entries, layer="tokens", name="toy", vocabulary={"size": 16})


def test_a_token_id_outside_the_vocabulary_is_found(local: Store, toy: Any) -> None:
    sample = toy.token_sample(toy.record(1), ids=[*range(9), 16])
    assert found(token_dataset(local, toy, sample)) == f"{sample.key}: id 16 is outside the vocabulary of 16"


def test_ids_of_another_type_are_found(local: Store, toy: Any) -> None:
    sample = toy.token_sample(toy.record(1))
    sample = replace(sample, sample=replace(sample.sample, ids=np.arange(10, dtype=np.int64)))
    assert "ids are int64 (10,); the index says uint32, 10" in found(token_dataset(local, toy, sample))


def test_a_loss_span_outside_the_ids_is_found(local: Store, toy: Any) -> None:
    sample = toy.token_sample(toy.record(1), loss_spans=((7, 12),))
    assert found(token_dataset(local, toy, sample)) == f"{sample.key}: a span lies outside the ids"


def lying_part(dataset: Dataset, **changes: pl.DataFrame) -> Part:
    (part,) = dataset.manifest.content.parts
    files = {name: put_content(dataset.store, "parts/media", name, ".parquet", parquet_bytes(t)) for name, t in changes.items()}
    return part.model_copy(update=files)


def table(dataset: Dataset, name: str) -> pl.DataFrame:
    return pl.read_parquet(dataset.store.read(getattr(dataset.manifest.content.parts[0], name).url))


def test_a_unit_that_does_not_account_for_what_it_read_is_found(media: Dataset) -> None:
    units = table(media, "units").with_columns(pl.col("read") + 1)
    lying = with_part(media, lying_part(media, units=units))
    assert found(lying).count("read is not kept + refused + failed") == units.height


def test_a_refusal_that_no_quarantine_row_tells_of_is_found(media: Dataset) -> None:
    lying = with_part(media, lying_part(media, quarantine=table(media, "quarantine").head(1)))
    assert "2 refused by the ledger, 1 in the quarantine" in found(lying)


def test_rows_of_a_unit_that_the_version_lacks_are_found(media: Dataset) -> None:
    units = table(media, "units")
    lying = with_part(media, lying_part(media, units=units.head(1)))
    assert f"{units['unit'][1]}: 1 rows in the index, but the part has no such unit" in found(lying)


def test_totals_that_are_not_the_sum_of_the_parts_are_found(media: Dataset) -> None:
    content = media.manifest.content
    lie = content.model_copy(update={"totals": content.totals.model_copy(update={"kept": 99})})
    lying = replace(media, manifest=media.manifest.model_copy(update={"content": lie}))
    assert "the totals of the version are not the sums of its parts" in found(lying)


def test_a_part_whose_sums_are_not_those_of_its_tables_is_found(media: Dataset) -> None:
    (part,) = media.manifest.content.parts
    lying = with_part(media, part.model_copy(update={"rows": part.rows + 1}))
    assert "counts other units, rows or outcomes than the part holds" in found(lying)


def test_a_row_out_of_contract_is_found_with_column_and_value(media: Dataset) -> None:
    index = table(media, "index").with_columns(pl.lit("poem").alias("kind"))
    assert "kind isin" in found(with_part(media, lying_part(media, index=index)))


def test_a_key_in_two_parts_is_found(local: Store, toy: Any) -> None:
    entries = {}
    for number in range(2):
        unit = toy.unit(number)
        entries[unit.id] = commit_records(local, unit, [toy.record(1)])
        published(local, dict(entries))
    latest = published(local, entries)
    assert f"{toy.record(1).key}: the key stands 2 times in the version" in found(latest)


def test_a_sample_without_readable_ids_is_found_and_the_others_are_still_checked(local: Store, toy: Any) -> None:
    from omniforge.pipeline.shards import write_tar
    from omniforge.schemas.sample import SampleIndex
    from omniforge.schemas.table import polars_schema

    unit = toy.unit(stage="tokenize")
    good = commit_samples(local, toy.unit(5, stage="tokenize"), [toy.token_sample(toy.record(1))])
    row = pl.read_parquet(local.read(good.index.url)).to_dicts()[0]
    key = row["key"]
    shard, members = write_tar(
        [(f"{key}.json", json.dumps({"spans": [], "loss_spans": []}).encode()), (f"{key}.ids.npy", b"?")]
    )
    lies = [
        {**member, "offset": where.offset, "size": where.size} for member, where in zip(row["members"], members, strict=True)
    ]
    index = pl.DataFrame([{**row, "unit": unit.id, "members": lies}], schema=polars_schema(SampleIndex), orient="row")
    empty = quarantine_frame([], unit)
    entry = commit(local, unit, shard=shard, index=index, quarantine=empty, counts=counts_of(1, 1, empty))
    dataset = published(local, {unit.id: entry}, layer="tokens", name="toy", vocabulary={"size": 16})
    assert f"{key}: the sample cannot be read" in found(dataset)
