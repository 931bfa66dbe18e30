"""SIGKILL of the driver and of every worker, in the middle, costs no unit and changes no byte."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

STAGE = Path(__file__).with_name("trivial_stage.py")
UNITS = "8"


def start(root: Path, seconds: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    environment.pop("RAY_ADDRESS", None)
    return subprocess.Popen(
        [sys.executable, str(STAGE), str(root), UNITS, seconds],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def objects(root: Path) -> dict[str, bytes]:
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for path in sorted(root.rglob("*"))
        if path.is_file() and ".writing-" not in path.name
    }


def kill_tree(pid: int) -> None:
    processes = [*psutil.Process(pid).children(recursive=True), psutil.Process(pid)]
    for process in processes:
        try:
            process.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    psutil.wait_procs(processes, timeout=30)


def test_a_build_killed_with_its_workers_ends_with_the_same_bytes_as_one_that_was_not(tmp_path: Path) -> None:
    killed, whole = tmp_path / "killed", tmp_path / "whole"
    first = start(killed, "0.5")
    assert first.stdout is not None
    for line in first.stdout:
        if line.startswith("committed"):
            kill_tree(first.pid)
            break
    first.wait(timeout=60)
    after_kill = {name for name in objects(killed) if name.startswith("ledger/")}
    assert 0 < len(after_kill) < int(UNITS)

    resumed = start(killed, "0")
    output, errors = resumed.communicate(timeout=120)
    assert resumed.returncode == 0, errors
    assert output.count("committed") == int(UNITS) - len(after_kill)

    undisturbed = start(whole, "0")
    _, errors = undisturbed.communicate(timeout=120)
    assert undisturbed.returncode == 0, errors
    assert objects(killed) == objects(whole)
