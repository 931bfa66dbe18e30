"""`omniforge demo --full`, small: from a build to an exported model with a card; run again, nothing is made anew."""

import json
import shutil
from pathlib import Path

import training
from building import SMALL, Build, omniforge

ONCE = {f"stage{number}": {"steps": 1} for number in (1, 2, 3)}
LEAST = {**training.TINY, "stages": [1, 2, 3], **ONCE, "compile": False, "precision": "float32"}
"""Compiling costs more than it saves here, and a CPU may have no bfloat16."""


def overrides(part: str, settings: dict) -> list[str]:
    return [word for key, value in settings.items() for word in (f"--{part}", f"{key}={json.dumps(value)}")]


def given(output: Path) -> dict[str, bytes]:
    folders = (output / "export-v1", output / "evaluation-v1")
    return {str(path.relative_to(output)): path.read_bytes() for one in folders for path in one.rglob("*") if path.is_file()}


def test_the_full_chain_goes_from_corpora_to_a_model_with_a_card_and_goes_on_where_it_was(
    small_build: Build, tmp_path: Path
) -> None:
    output = tmp_path / "demo"
    shutil.copytree(small_build.root, output / "root")
    build = {key: value for key, value in SMALL.items() if key != "root"}
    train = {**LEAST, "loader": {"sequence_length": 1024, "window_samples": 64}, "batch": {"rows": 1, "micro_rows": 1}}
    command = ["demo", "--full", "--output", str(output), "--samples", "1", *overrides("build", build)]
    said = omniforge(*command, *overrides("train", train))
    assert [line.split()[2] for line in said.splitlines() if line.startswith("$ omniforge ")] == [
        *("build", "validate", "stats", "train", "model", "evaluate", "model", "report")
    ]
    exported = output / "export-v1"
    assert {path.name for path in exported.iterdir()} == {
        *("model.safetensors", "config.json", "state.json", "training.json", "speech.json"),
        *("README.md", "evaluation.json", "evaluation_items.json"),
    }
    assert str(tmp_path) not in "".join(path.read_text() for path in exported.glob("*[!s]"))
    assert "The model of this run: svqa" in (output / "report.html").read_text()

    before = given(output)
    # As after a kill: what was not written yet is written, and nothing else.
    (exported / "README.md").unlink()
    (output / "evaluation-v1" / "tasks" / "vqa.json").unlink()
    again = omniforge(*command, *overrides("train", train))
    assert "there already" in again
    assert [line for line in again.splitlines() if "items" in line and "done before" not in line] == ["vqa: 5 items"]
    assert given(output) == before
