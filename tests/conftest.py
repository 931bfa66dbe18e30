"""What tests of several folders need: real S3 servers over a socket."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
# Two test processes share two cores; set before torch is imported, which reads it once.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# How long an example takes depends on what else the machine does; no test is about that.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

BIN = Path(sys.executable).parent
REPOSITORY = Path(__file__).parents[1]

LONGEST = ("test_realdata.py", "test_build.py")
"""Files that take minutes, one of them with the build that others wait for: two processes begin with one each."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that nobody waits for one at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@dataclass(frozen=True)
class S3Server:
    """A running server: its endpoint and the credentials it takes."""

    name: str
    endpoint: str
    key: str = "tester"
    secret: str = "secret-of-tester"

    def environment(self) -> dict[str, str]:
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.key,
            "AWS_SECRET_ACCESS_KEY": self.secret,
            "AWS_DEFAULT_REGION": "us-east-1",
        }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(endpoint: str) -> bool:
    try:
        urllib.request.urlopen(endpoint, timeout=1)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


def _serve(name: str, command: list[str], port: int) -> Iterator[S3Server]:
    server = S3Server(name, f"http://127.0.0.1:{port}")
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while not _answers(server.endpoint):
        assert process.poll() is None, f"{name} ended with {process.returncode}"
        assert time.monotonic() < deadline, f"{name} does not answer"
        time.sleep(0.1)
    yield server
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture(scope="session")
def moto_server() -> Iterator[S3Server]:
    """Conditional puts, ranges, listing; no signature check."""
    port = free_port()
    yield from _serve("moto", [str(BIN / "moto_server"), "-H", "127.0.0.1", "-p", str(port)], port)


@pytest.fixture(scope="session")
def localbucket_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Objects are files; honours the creation condition."""
    port = free_port()
    folder = tmp_path_factory.mktemp("localbucket")
    yield from _serve("localbucket", [str(BIN / "localbucket"), "--port", str(port), str(folder)], port)


@pytest.fixture(scope="session")
def rclone_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Checks signatures, takes conditions and ignores them."""
    port = free_port()
    folder = tmp_path_factory.mktemp("rclone")
    server = S3Server("rclone", f"http://127.0.0.1:{port}")
    keys = f"{server.key},{server.secret}"
    command = [str(BIN / "rclone"), "serve", "s3", "--auth-key", keys, "--addr", f"127.0.0.1:{port}", str(folder)]
    yield from _serve("rclone", command, port)


def make_bucket(server: S3Server, name: str) -> str:
    import boto3

    client = boto3.client(
        "s3",
        endpoint_url=server.endpoint,
        aws_access_key_id=server.key,
        aws_secret_access_key=server.secret,
        region_name="us-east-1",
    )
    client.create_bucket(Bucket=name)
    return name
