"""Which datasets the token stage is made from."""

from pathlib import Path
from typing import Any

import pytest
from made_records import record

from omniforge.jobs.build_config import BuildConfig
from omniforge.jobs.config import from_mapping
from omniforge.jobs.stages import plan_stage
from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.plan import make_unit
from omniforge.pipeline.storage import StorageError, open_store
from omniforge.schemas.manifest import Manifest
from omniforge.schemas.record import Record, Stage

SPEAKS = {"tasks": [{"task": "svqa", "kinds": ["vqa"]}]}
CAPTION, QUESTION = record("caption", 1, "train"), record("vqa", 1, "train")


def config(root: Path, synth: dict[str, Any]) -> BuildConfig:
    settings = {"name": "small", "root": str(root), "corpora": [{"name": "a", "format": "scenes", "options": {"count": 1}}]}
    return from_mapping(BuildConfig, {**settings, "synth": synth}, "test")


def publish_media(root: Path, stage: Stage, records: list[Record], inputs: tuple[str, ...] = ()) -> Manifest:
    store = open_store(str(root))
    unit = make_unit(
        stage=stage,
        corpus="made",
        container="made",
        start=0,
        stop=len(records),
        identity="-".join(one.key for one in records),
        fingerprints={"made": "1"},
    )
    entry = commit_records(store, unit, records)
    name = {"pull": "small-media", "synth": "small-sdvi"}[stage]
    common: dict[str, Any] = {"code_version": "0", "models": {}, "config": {}}
    return publish(store, layer="media", name=name, entries={entry.unit: entry}, inputs=inputs, **common)


def of(manifest: Manifest) -> str:
    return f"{manifest.content.name}@sha256:{manifest.content_sha256}"


def test_what_was_spoken_of_the_media_becomes_tokens_with_them(tmp_path: Path) -> None:
    media = publish_media(tmp_path, "pull", [QUESTION])
    spoken = publish_media(tmp_path, "synth", [record("svqa", 1, "train")], (of(media),))
    planned = plan_stage(config(tmp_path, SPEAKS), "tokenize")
    assert planned.inputs == (of(media), of(spoken))
    assert len(planned.units) == 2


def test_what_an_earlier_build_spoke_is_left_out_where_this_one_speaks_nothing(tmp_path: Path) -> None:
    media = publish_media(tmp_path, "pull", [QUESTION])
    publish_media(tmp_path, "synth", [record("svqa", 1, "train")], (of(media),))
    assert plan_stage(config(tmp_path, {"tasks": []}), "tokenize").inputs == (of(media),)


def test_what_was_spoken_of_other_media_is_an_error_that_says_what_to_run(tmp_path: Path) -> None:
    before = publish_media(tmp_path, "pull", [QUESTION])
    publish_media(tmp_path, "synth", [record("svqa", 1, "train")], (of(before),))
    publish_media(tmp_path, "pull", [QUESTION, CAPTION])
    with pytest.raises(
        StorageError, match=r"small-sdvi@v1 was made of another version than .*small-media@v2; run `omniforge synth`"
    ):
        plan_stage(config(tmp_path, SPEAKS), "tokenize")


def test_speech_that_was_never_made_is_an_error_that_says_what_to_run(tmp_path: Path) -> None:
    publish_media(tmp_path, "pull", [QUESTION])
    with pytest.raises(StorageError, match="run `omniforge synth`"):
        plan_stage(config(tmp_path, SPEAKS), "tokenize")


def test_corpora_with_nothing_to_speak_need_no_speech(tmp_path: Path) -> None:
    media = publish_media(tmp_path, "pull", [CAPTION])
    assert plan_stage(config(tmp_path, SPEAKS), "tokenize").inputs == (of(media),)
