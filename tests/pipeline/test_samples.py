import io
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import webdataset

from omniforge.pipeline.samples import commit_samples
from omniforge.pipeline.storage import Store, read_verified
from omniforge.schemas.ledger import LedgerEntry
from omniforge.schemas.sample import SampleIndex
from omniforge.schemas.table import require_valid


def rows_of(store: Store, entry: LedgerEntry) -> list[dict[str, Any]]:
    frame = pl.read_parquet(io.BytesIO(read_verified(store, entry.index)))
    return require_valid(SampleIndex, frame, "index").to_dicts()


def unit(toy: Any) -> Any:
    return toy.unit(stage="tokenize")


def test_webdataset_reads_a_token_shard_with_nothing_of_ours(local: Store, toy: Any) -> None:
    made = toy.token_sample(toy.record(1))
    entry = commit_samples(local, unit(toy), [made])
    assert entry.shard is not None
    (sample,) = webdataset.WebDataset(str(Path(local.root, entry.shard.url)), shardshuffle=False).decode()
    assert sample["__key__"] == f"{toy.record(1).key}-caption"
    assert sample["ids.npy"].dtype == np.uint32
    assert sample["ids.npy"].tolist() == list(range(10))
    assert sample["json"]["loss_spans"] == [[7, 10]]
    assert sample["json"]["spans"][1] | {"modality": "image", "start": 3, "stop": 7} == sample["json"]["spans"][1]


def test_the_index_counts_tokens_by_modality_and_those_of_the_loss(local: Store, toy: Any) -> None:
    (row,) = rows_of(local, commit_samples(local, unit(toy), [toy.token_sample(toy.record(1))]))
    lengths = {name: row[name] for name in ("length", "text_tokens", "image_tokens", "speech_tokens", "loss_tokens")}
    assert lengths == {"length": 10, "text_tokens": 6, "image_tokens": 4, "speech_tokens": 0, "loss_tokens": 3}


def test_members_lie_where_the_index_says(local: Store, toy: Any) -> None:
    samples = [toy.token_sample(toy.record(n), ids=list(range(n, n + 10))) for n in range(3)]
    for number, row in enumerate(rows_of(local, commit_samples(local, unit(toy), samples))):
        member = next(m for m in row["members"] if m["role"] == "ids")
        data = local.read(row["shard"], member["offset"], member["size"])
        assert np.load(io.BytesIO(data)).tolist() == list(range(number, number + 10))
        assert [(m["role"], m["format"]) for m in row["members"]] == [("json", "json"), ("ids", "npy")]


def test_features_of_continuous_speech_are_members_in_order(local: Store, toy: Any) -> None:
    from dataclasses import replace

    features = (np.full((3, 560), 0.5, np.float32), np.full((2, 560), -1, np.float32))
    made = replace(toy.token_sample(toy.record(1)), features=features)
    (row,) = rows_of(local, commit_samples(local, unit(toy), [made]))
    stored = [m for m in row["members"] if m["role"].startswith("fbank")]
    assert [m["role"] for m in stored] == ["fbank", "fbank1"]
    for member, feature in zip(stored, features, strict=True):
        array = np.load(io.BytesIO(local.read(row["shard"], member["offset"], member["size"])))
        assert (array.dtype, array.tolist()) == (np.float16, feature.tolist())


def test_a_sample_out_of_contract_is_quarantined_and_the_others_are_kept(local: Store, toy: Any) -> None:
    samples = [
        toy.token_sample(toy.record(1)),
        toy.token_sample(toy.record(2), loss_spans=()),
        toy.token_sample(toy.record(3), ids=list(range(3, 13))),
    ]
    entry = commit_samples(local, unit(toy), samples)
    assert (entry.counts.read, entry.counts.kept, entry.counts.reasons) == (3, 2, {"schema": 1})
    rows = rows_of(local, entry)
    assert [row["record"] for row in rows] == [toy.record(1).key, toy.record(3).key]
    member = next(m for m in rows[1]["members"] if m["role"] == "ids")
    assert np.load(io.BytesIO(local.read(rows[1]["shard"], member["offset"], member["size"])))[0] == 3
    quarantine = pl.read_parquet(io.BytesIO(read_verified(local, entry.quarantine))).to_dicts()
    assert [(row["key"], row["task"]) for row in quarantine] == [(toy.record(2).key, "caption")]
    assert quarantine[0]["detail"].startswith("loss_tokens: greater_than")


def test_the_same_samples_make_the_same_objects(local: Store, toy: Any, tmp_path: Path) -> None:
    from omniforge.pipeline.storage import open_store

    other = open_store(str(tmp_path / "other"))
    outcomes = [toy.token_sample(toy.record(1)), toy.refusal(2, task="t2i", reason="over_length")]
    assert commit_samples(local, unit(toy), outcomes) == commit_samples(other, unit(toy), outcomes)
