"""What every export keeps to: nothing half, nothing of others overwritten, nothing silently left out."""

import json
import signal
import subprocess
import sys

import pytest

from omniforge.pipeline.export import Selection, export
from omniforge.pipeline.export_jsonl import JsonLines
from omniforge.pipeline.storage import StorageError

ONE_EACH = JsonLines(records_per_file=1)


@pytest.fixture
def dataset(toy, local):
    """Three spoken questions in two shards."""
    return toy.publish_records(local, [toy.spoken(1), toy.spoken(2, split="test")], [toy.spoken(3)])


def contents(folder) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_absent_shard_is_named_and_the_export_goes_on_where_it_ended(toy, dataset, tmp_path):
    folder = tmp_path / "out"
    (shard,) = (tmp_path / "root" / "shards").rglob(f"{toy.unit(1, stage='synth').id}-*.tar")
    data = shard.read_bytes()
    shard.unlink()
    with pytest.raises(StorageError, match=shard.name):
        export(dataset, ONE_EACH, folder, Selection())
    first = sorted(path.name for path in folder.glob("*.jsonl"))
    assert 0 < len(first) < 3
    assert json.loads((folder / "export.json").read_text())["complete"] is False
    state = {name: (folder / name).stat().st_mtime_ns for name in first}
    shard.write_bytes(data)
    assert export(dataset, ONE_EACH, folder, Selection()).records == 3
    assert {name: (folder / name).stat().st_mtime_ns for name in first} == state
    export(dataset, ONE_EACH, tmp_path / "whole", Selection())
    assert contents(folder) == contents(tmp_path / "whole")


def test_bytes_that_changed_are_told(dataset, local, tmp_path):
    shard = tmp_path / "root" / sorted(local.list("shards"))[0]
    shard.write_bytes(shard.read_bytes().replace(b"fLaC", b"fLaX"))
    with pytest.raises(StorageError, match="other bytes than its index names"):
        export(dataset, JsonLines(), tmp_path / "out", Selection())


def test_a_killed_export_leaves_no_half_file_and_is_finished_by_the_next(dataset, tmp_path):
    script = f"""
import os, signal
from pathlib import Path
from omniforge.pipeline.export import Selection, export
from omniforge.pipeline.export_jsonl import JsonLines
from omniforge.pipeline.reference import open_dataset
from omniforge.pipeline.storage import LocalStore
written = iter(range(5))
def write(store, key, data, write=LocalStore.write):
    if next(written, None) is None:
        Path(store.root, key).with_name(".writing-half").write_bytes(data[:9])
        os.kill(os.getpid(), signal.SIGKILL)
    write(store, key, data)
LocalStore.write = write
dataset, folder = open_dataset({dataset.reference!r}), Path({str(tmp_path / "out")!r})
export(dataset, JsonLines(records_per_file=1), folder, Selection())
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, timeout=120)
    assert done.returncode == -signal.SIGKILL
    export(dataset, ONE_EACH, tmp_path / "whole", Selection())
    whole = contents(tmp_path / "whole")
    there = contents(tmp_path / "out")
    assert len(list((tmp_path / "out").glob("*.jsonl"))) == 1
    assert all(whole[name] == data for name, data in there.items() if ".writing-" not in name and name != "export.json")
    (tmp_path / "out" / "left_out").mkdir()
    (tmp_path / "out" / "left_out" / ".writing-half").write_text("{")
    export(dataset, ONE_EACH, tmp_path / "out", Selection())
    assert contents(tmp_path / "out") == whole


def test_a_folder_of_other_things_is_left_alone(dataset, tmp_path):
    (tmp_path / "thesis.txt").write_text("years of work")
    (tmp_path / ".writing-thesis").write_text("half of it")
    with pytest.raises(ValueError, match="is no export"):
        export(dataset, JsonLines(), tmp_path, Selection())
    assert (tmp_path / "thesis.txt").read_text() == "years of work"
    assert (tmp_path / ".writing-thesis").read_text() == "half of it"
    assert not list(tmp_path.glob("*.jsonl"))


def test_a_folder_of_another_export_is_left_alone(dataset, tmp_path):
    export(dataset, JsonLines(), tmp_path / "out", Selection(split="test"))
    before = contents(tmp_path / "out")
    with pytest.raises(ValueError, match="split 'test', not None"):
        export(dataset, JsonLines(), tmp_path / "out", Selection())
    assert contents(tmp_path / "out") == before


def test_records_are_selected_by_task_split_and_condition(toy, local, tmp_path):
    records = [toy.spoken(1), toy.spoken(2, measures={"wer": 0.9}), toy.spoken(3, "s2i"), toy.spoken(4, split="test")]
    dataset = toy.publish_records(local, records)
    chosen = Selection(task="svqa", split="train", where="wer < 0.5 -- or so")
    assert export(dataset, JsonLines(), tmp_path / "out", chosen).records == 1
    assert records[0].key in (tmp_path / "out" / "svqa-train-00000-of-00001.jsonl").read_text()


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"where": "wrong_column < 1"}, "wrong_column"),
        ({"where": "wer > 7"}, "no record is selected"),
        ({"where": "true) or (true"}, "syntax error"),
        ({"where": "true; drop view records"}, "the condition"),
        ({"where": "true, true"}, "single expression"),
        ({"split": "x' or 'a' = 'a"}, "no record is selected"),
        ({"task": "asr"}, "no record is selected"),
    ],
)
def test_a_selection_of_nothing_is_an_error_and_leaves_no_folder(dataset, tmp_path, selection, message):
    with pytest.raises(ValueError, match=message):
        export(dataset, JsonLines(), tmp_path / "out", Selection(**selection))
    assert not (tmp_path / "out").exists()


def test_an_unknown_task_is_answered_with_those_there_are():
    with pytest.raises(ValueError, match="svqa"):
        Selection(task="swqa")


def test_a_split_that_cannot_name_a_file_is_told(toy, local, tmp_path):
    dataset = toy.publish_records(local, [toy.spoken(1, split="../train")])
    with pytest.raises(ValueError, match=r"'\.\./train' cannot name a file"):
        export(dataset, JsonLines(), tmp_path / "out", Selection())


def test_a_token_dataset_is_told_from_where_its_records_can_be_exported(toy, local, tmp_path):
    media = toy.publish_media(local, range(1))
    tokens = toy.publish_tokens(local, media, range(1))
    with pytest.raises(ValueError, match="toy-media@sha256"):
        export(tokens, JsonLines(), tmp_path / "out", Selection())


def test_records_of_a_dataset_below_are_not_exported_with_it(toy, local, tmp_path):
    below = toy.publish_media(local, range(2))
    content = below.manifest.content
    above = toy.publish_media(
        local, range(5, 6), name="toy-sdvi", inputs=(f"{content.name}@sha256:{below.manifest.content_sha256}",)
    )
    assert export(above, JsonLines(), tmp_path / "out", Selection()).records == 1
