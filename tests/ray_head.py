"""A Ray head of a test's own, to which jobs are submitted by the command a user types."""

import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
from conftest import free_port

START_SECONDS = 120


@dataclass(frozen=True)
class Head:
    """A running head: the Python it runs on, its dashboard, the environment its clients need."""

    python: Path
    address: str
    environment: dict[str, str]

    def ray(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command `ray` with these arguments."""
        command = [str(self.python), "-m", "ray.scripts.scripts", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, env=self.environment, timeout=280, check=False)
        assert not check or done.returncode == 0, f"{command}\n{done.stdout[-6000:]}\n{done.stderr[-3000:]}"
        return done

    def submit(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Submit a job and wait for its end; `arguments` are those of `ray job submit`."""
        return self.ray("job", "submit", "--address", self.address, *arguments, check=check)


@contextmanager
def ray_head(python: Path, environment: dict[str, str], object_store: int) -> Iterator[Head]:
    """Start a head and end it by the ids of its own processes: `ray stop` would end every Ray on the machine."""
    dashboard = free_port()
    head = Head(python, f"http://127.0.0.1:{dashboard}", environment)
    process = subprocess.Popen(
        [
            *(str(python), "-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=2"),
            *(f"--object-store-memory={object_store}", "--disable-usage-stats", f"--port={free_port()}"),
            *(f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={free_port()}"),
            f"--temp-dir=/tmp/ray-{uuid.uuid4().hex[:8]}",
        ],
        env=environment,
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_until_it_takes_jobs(head, process)
        yield head
    finally:
        own = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
        for one in own:
            with suppress(psutil.NoSuchProcess):
                one.kill()
        psutil.wait_procs(own, timeout=30)


def _wait_until_it_takes_jobs(head: Head, process: "subprocess.Popen[bytes]") -> None:
    """Return once a job ran: the dashboard answers some time before an agent is there."""
    deadline = time.monotonic() + START_SECONDS
    while head.submit("--", "true", check=False).returncode:
        assert process.poll() is None, f"the head ended with {process.returncode}"
        assert time.monotonic() < deadline, "the head takes no jobs"
        time.sleep(0.5)
