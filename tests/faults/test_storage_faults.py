"""Servers that break off, refuse to answer or are not there; disks that cannot be written."""

import os
import stat
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from omniforge.pipeline.storage import LocalStore, StorageError, Store, open_store

DATA = b"0123456789" * 1000


class BreakingServer(ThreadingHTTPServer):
    """Serves one object and breaks the connection in the middle of the first `breaks` answers."""

    breaks = 0
    asked = 0


class Handler(BaseHTTPRequestHandler):
    """Answers every GET with `DATA`, whole or not."""

    server: BreakingServer

    def do_GET(self) -> None:
        self.server.asked += 1
        self.send_response(200)
        self.send_header("Content-Length", str(len(DATA)))
        self.end_headers()
        self.wfile.write(DATA[:5000] if self.server.asked <= self.server.breaks else DATA)
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output free of requests."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[BreakingServer]:
    serving = BreakingServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=serving.serve_forever, daemon=True).start()
    point_to(monkeypatch, f"http://127.0.0.1:{serving.server_port}")
    yield serving
    serving.shutdown()
    serving.server_close()


def point_to(monkeypatch: pytest.MonkeyPatch, endpoint: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "tester")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")


def test_a_connection_that_breaks_within_an_answer_is_asked_again(server: BreakingServer) -> None:
    server.breaks = 2
    assert open_store("s3://bucket/root").read("shards/a.tar") == DATA
    assert server.asked == 3


def test_a_connection_that_always_breaks_is_an_error_that_names_the_object(server: BreakingServer) -> None:
    server.breaks = 1000
    with pytest.raises(StorageError, match=r"s3://bucket/root/shards/a\.tar"):
        open_store("s3://bucket/root").read("shards/a.tar")


@pytest.mark.parametrize("act", ["read", "write", "create", "list", "exists"])
def test_a_server_that_is_not_there_is_said_not_to_answer(act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point_to(monkeypatch, "http://127.0.0.1:9")
    store = open_store("s3://bucket/root")
    deeds = {
        "read": lambda: store.read("x"),
        "write": lambda: store.write("x", b""),
        "create": lambda: store.create("x", b""),
        "list": lambda: list(store.list("x")),
        "exists": lambda: store.exists("x"),
    }
    with pytest.raises(StorageError, match=r"no answer from the server; check AWS_ENDPOINT_URL"):
        deeds[act]()


def local(tmp_path: Path) -> Store:
    return open_store(str(tmp_path))


def test_a_half_written_file_of_a_worker_that_died_is_no_object(tmp_path: Path) -> None:
    store = local(tmp_path)
    store.write("shards/a", b"1")
    (tmp_path / "shards" / ".writing-0123456789abcdef").write_bytes(b"half")
    assert list(store.list("shards")) == ["shards/a"]


def test_nothing_half_written_stays_behind(tmp_path: Path) -> None:
    store = local(tmp_path)
    store.write("a/b", b"1")
    store.create("a/c", b"1")
    store.create("a/c", b"2")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["b", "c"]


def test_objects_may_be_read_by_whom_the_umask_lets(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = local(tmp_path)
        store.write("written", b"1")
        store.create("created", b"1")
    finally:
        os.umask(before)
    assert {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("written", "created")} == {0o644}


def test_a_disk_that_cannot_be_written_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "shards").write_bytes(b"a file where a folder should be")
    with pytest.raises(StorageError, match=r"shards.*cannot be written"):
        LocalStore(str(tmp_path)).write("shards/a", b"1")
