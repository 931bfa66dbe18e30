"""The command `omniforge train` in two Ray Train workers, by `ray job submit`: the numbers of one process."""

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
import torch
import training
import yaml
from building import clean_environment
from conftest import free_port
from token_datasets import made_dataset

from omniforge.trainer.checkpoint import checkpoints
from omniforge.trainer.train import train

RAY = (sys.executable, "-m", "ray.scripts.scripts")


@dataclass(frozen=True)
class Head:
    """A Ray head of its own."""

    address: str

    def ray(self, *arguments: str) -> str:
        done = subprocess.run(
            [*RAY, *arguments], capture_output=True, text=True, env=clean_environment(), timeout=240, check=False
        )
        assert done.returncode == 0, f"{arguments}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done.stdout


@pytest.fixture
def head() -> Iterator[Head]:
    """A head that is ended by the ids of its own processes: `ray stop` would end every Ray on the machine."""
    dashboard = free_port()
    process = subprocess.Popen(
        [
            *(*RAY, "start", "--head", "--block", "--num-cpus=2", "--object-store-memory=200000000", "--disable-usage-stats"),
            *(f"--port={free_port()}", f"--dashboard-port={dashboard}", f"--temp-dir=/tmp/ray-{uuid.uuid4().hex[:8]}"),
        ],
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
    )
    try:
        wait_for_agent(process, f"http://127.0.0.1:{dashboard}")
        yield Head(f"http://127.0.0.1:{dashboard}")
    finally:
        own = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for one in own:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(own, timeout=30)


def wait_for_agent(process: "subprocess.Popen[bytes]", address: str) -> None:
    """Return once the head takes jobs: its dashboard answers some time before an agent is there."""
    from ray.job_submission import JobSubmissionClient

    deadline = time.monotonic() + 120
    while True:
        assert process.poll() is None, f"the head ended with {process.returncode}"
        try:
            JobSubmissionClient(address).submit_job(entrypoint="true")
        except (ConnectionError, RuntimeError):
            assert time.monotonic() < deadline, "the head takes no jobs"
            time.sleep(0.5)
        else:
            return


def test_a_submitted_training_in_two_workers_gives_the_numbers_of_one_process(head: Head, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    data = made_dataset(tmp_path / "root", {"t2i": 50, "caption": 40}, held_out=3).reference
    config = tmp_path / "tiny.yaml"
    config.write_text(yaml.safe_dump({**training.TINY, "data": data, "output": str(tmp_path / "out"), "processes": 2}))
    said = head.ray(
        *("job", "submit", "--address", head.address, "--working-dir", str(tmp_path / "root" / "manifests"), "--"),
        *(sys.executable, "-m", "omniforge.jobs.cli", "train", "--config", str(config)),
    )
    (last,) = checkpoints(tmp_path / "out" / "stage-1")[-1:]
    assert f"model: {last}" in said
    alone = train(training.tiny(data, tmp_path / "alone"))
    for name, tensor in training.weights(alone).items():
        torch.testing.assert_close(training.weights(last)[name], tensor, atol=2e-5, rtol=1e-4, msg=name)
