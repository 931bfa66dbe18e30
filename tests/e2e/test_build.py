"""The build of embedded corpora: repeatable, resumable, additive, traceable."""

import copy
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
from building import BIN, SMALL, Build, clean_environment, objects, omniforge, write_config


def immutable(root: Path) -> dict[str, bytes]:
    return {name: data for name, data in objects(root).items() if not name.startswith("manifests/")}


def contents(root: Path) -> dict[str, Any]:
    return {name: json.loads(data)["content"] for name, data in objects(root).items() if name.startswith("manifests/")}


def queried(reference: str, sql: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in omniforge("stats", reference, "--json", "--sql", sql).splitlines()]


def test_every_stage_accounts_for_every_record(small_build: Build) -> None:
    units = queried(small_build.reference(), "select stage, read, kept, refused, failed from units")
    assert {unit["stage"] for unit in units} == {"pull", "synth", "tokenize"}
    assert all(unit["read"] == unit["kept"] + unit["refused"] + unit["failed"] for unit in units)
    assert sum(unit["failed"] for unit in units) == 0


def test_every_task_gives_samples(small_build: Build) -> None:
    tasks = {row["task"] for row in queried(small_build.reference(), "select task from tasks")}
    assert tasks == {"t2i", "caption", "vqa", "asr", "tts", "svqa", "s2i"}


def test_a_version_and_its_inputs_are_valid(small_build: Build) -> None:
    assert "0 findings" in omniforge("validate", "--inputs", small_build.reference())


def test_building_again_works_on_nothing_and_publishes_nothing(small_build: Build) -> None:
    before = objects(small_build.root)
    output = omniforge("build", "--config", str(small_build.config), f"root={small_build.root}")
    assert output.count("@v1 ") == 3
    assert objects(small_build.root) == before


def test_a_build_killed_in_the_middle_and_run_again_gives_the_same_bytes(small_build: Build, tmp_path: Path) -> None:
    root = tmp_path / "root"
    command = [str(BIN / "omniforge"), "build", "--config", str(small_build.config), f"root={root}"]
    process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not list(root.glob("ledger/*/*.json")):
        assert process.poll() is None, "the build ended before it could be killed"
        time.sleep(0.05)
    tree = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for member in tree:
        if member.is_running():
            member.send_signal(signal.SIGKILL)
    process.wait(timeout=30)
    assert not list(root.glob("manifests/small/*"))

    omniforge("build", "--config", str(small_build.config), f"root={root}")
    assert immutable(root) == immutable(small_build.root)
    assert contents(root) == contents(small_build.root)


def test_a_new_file_costs_its_own_units_and_shares_every_old_shard(small_build: Build, tmp_path: Path) -> None:
    config = copy.deepcopy(SMALL)
    config["corpora"].append({"name": "new", "format": "scenes", "options": {"count": 2, "size": 64, "seed": 90}})
    root = tmp_path / "root"
    shutil.copytree(small_build.root, root)
    before = objects(root)
    omniforge("build", "--config", str(write_config(tmp_path, config)), f"root={root}")
    after = objects(root)
    assert before.items() <= after.items()
    added = [json.loads(after[name]) for name in after.keys() - before.keys() if name.startswith("ledger/")]
    assert {entry["corpus"] for entry in added} == {"new"}
    first, second = (contents(root)[f"manifests/small/v00000{version}.json"]["parts"] for version in (1, 2))
    assert all(part in second for part in first)


def test_a_canary_builds_a_few_records_under_a_name_of_its_own(small_build: Build, tmp_path: Path) -> None:
    output = omniforge("build", "--config", str(small_build.config), "--limit", "3", f"root={tmp_path / 'root'}")
    assert "small-limit3@v1" in output
    read = queried(f"{tmp_path}/root/small-limit3-media", "select corpus, sum(read) as n from units group by corpus")
    assert {row["n"] for row in read} == {3}


def test_explain_leads_from_a_spoken_question_to_the_picture_and_the_question(small_build: Build) -> None:
    sql = "select key, source_uri from samples where task = 'svqa' order by key limit 1"
    sample = queried(small_build.reference(), sql)[0]
    told = omniforge("explain", small_build.reference(), sample["key"])
    assert f"source {sample['source_uri']}" in told
    assert "question:" in told
    assert ".image.png" in told


def test_plan_and_status_say_what_is_done(small_build: Build) -> None:
    arguments = ("--config", str(small_build.config), f"root={small_build.root}")
    assert "4 units, 4 happened already" in omniforge("plan", *arguments)
    assert "latest v1" in omniforge("status", *arguments)


def test_errors_name_the_thing_and_what_to_do(small_build: Build) -> None:
    assert "did you mean" in omniforge("build", "--config", str(small_build.config), "tokenise.batch=3", expect=2)
    assert "there are: small" in omniforge("stats", small_build.reference("smal"), expect=1)
    assert "no sample or record" in omniforge("explain", small_build.reference(), "no-such-key", expect=1)
    absent = omniforge("build", "--config", "realdata.yaml", "data=/nowhere", f"root={small_build.root}", expect=2)
    assert "/nowhere" in absent
