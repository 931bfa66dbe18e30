"""Run the command a user types, and look at what it leaves behind."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

BIN = Path(sys.executable).parent

SMALL: dict[str, Any] = {
    "name": "small",
    "root": "to be given",
    "corpora": [
        {"name": "shapes", "format": "scenes", "options": {"count": 6, "size": 64}},
        {"name": "more-shapes", "format": "scenes", "options": {"count": 6, "size": 64, "seed": 50}},
        {"name": "held-out", "format": "scenes", "options": {"count": 4, "size": 64, "split": "test"}},
        {"name": "sentences", "format": "sentences", "options": {"count": 6}},
    ],
    "synth": {
        "tasks": [
            {"task": "svqa", "kinds": ["vqa"], "share": 0.1},
            {"task": "s2i", "kinds": ["caption", "prompt"], "share": 0.2},
            {"task": "spoken", "kinds": ["tts"]},
        ],
        "speech": {"quality_share": 0.3},
    },
    "tokenize": {"understanding": 64, "generation": 64},
    "engine": {"cpus": 2},
}
"""A build of embedded corpora that takes seconds and has every task in it."""


@dataclass(frozen=True)
class Build:
    """A build that ran: its configuration file, its root, what it said."""

    config: Path
    root: Path
    output: str

    def reference(self, name: str = "small") -> str:
        return f"{self.root}/{name}"


def write_config(folder: Path, config: dict[str, Any] = SMALL) -> Path:
    path = folder / f"{config['name']}.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def clean_environment() -> dict[str, str]:
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    environment.pop("RAY_ADDRESS", None)
    return environment


def omniforge(*arguments: str, expect: int = 0) -> str:
    """Run the command and return what it printed on standard output; any other exit code than `expect` is a failure."""
    command = [str(BIN / "omniforge"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=900, env=clean_environment(), check=False)
    assert done.returncode == expect, f"{command} gave {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout if expect == 0 else done.stdout + done.stderr


def objects(root: Path) -> dict[str, bytes]:
    """Every object of a root by its name."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and not path.name.startswith(".writing-"))
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}
