"""Shards and indexes are read by the tools people have, without a line of ours."""

from pathlib import Path

import duckdb
import numpy as np
import webdataset
from building import Build


def shards(root: Path, layer: str) -> list[str]:
    return [str(path) for path in sorted((root / "shards" / layer).glob("*.tar"))]


def test_webdataset_alone_reads_the_media_layer(small_build: Build) -> None:
    samples = list(webdataset.WebDataset(shards(small_build.root, "media"), shardshuffle=False).decode())
    assert {sample["json"]["kind"] for sample in samples} == {"caption", "vqa", "prompt", "tts", "svqa", "s2i", "asr"}
    spoken = next(sample for sample in samples if sample["json"]["kind"] == "svqa")
    assert spoken["question.flac"].startswith(b"fLaC")
    assert spoken["answer.flac"].startswith(b"fLaC")
    assert spoken["image.png"].startswith(b"\x89PNG")


def test_webdataset_alone_reads_the_token_layer(small_build: Build) -> None:
    samples = list(webdataset.WebDataset(shards(small_build.root, "tokens"), shardshuffle=False).decode())
    for sample in samples:
        ids, document = sample["ids.npy"], sample["json"]
        assert ids.dtype == np.uint32
        assert all(0 <= start < stop <= len(ids) for start, stop in document["loss_spans"])
    assert len({sample["__key__"] for sample in samples}) == len(samples)


def test_duckdb_alone_answers_questions_on_the_index(small_build: Build) -> None:
    pattern = f"{small_build.root}/index/tokens/*.parquet"
    rows = duckdb.sql(f"select task, count(*), min(length) from '{pattern}' where split = 'train' group by task").fetchall()
    assert {row[0] for row in rows} >= {"t2i", "caption", "vqa"}
    assert all(count > 0 and length > 0 for _, count, length in rows)
