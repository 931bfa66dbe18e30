import hashlib
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import boto3
import pytest

from omniforge.pipeline.storage import AbsentError, StorageError, Store, open_store, put_content, read_verified


@pytest.fixture(params=["local", "moto", "localbucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same promises are asked of a disk and of every S3 server that honours conditions."""
    if request.param == "local":
        return open_store(str(tmp_path))
    return open_store(f"s3://{bucket_on(request, monkeypatch, request.param)}/some/root")


def bucket_on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, name: str) -> str:
    server = request.getfixturevalue(f"{name}_server")
    for variable, value in server.environment().items():
        monkeypatch.setenv(variable, value)
    bucket = f"bucket-{uuid.uuid4().hex[:12]}"
    boto3.client("s3").create_bucket(Bucket=bucket)
    return bucket


def test_what_is_written_is_read_whole_and_by_range(store: Store) -> None:
    store.write("a/b.bin", b"0123456789")
    assert store.read("a/b.bin") == b"0123456789"
    assert store.read("a/b.bin", 3, 4) == b"3456"
    assert store.read("a/b.bin", 7) == b"789"


def test_reading_past_the_end_is_an_error_that_names_the_object(store: Store) -> None:
    store.write("short", b"abc")
    with pytest.raises(StorageError, match="short"):
        store.read("short", 1, 10)


def test_reading_what_is_absent_is_an_error_that_names_the_object(store: Store) -> None:
    with pytest.raises(AbsentError, match="no/such"):
        store.read("no/such")


def test_existence_is_told(store: Store) -> None:
    assert not store.exists("x")
    store.write("x", b"1")
    assert store.exists("x")


def test_listing_is_sorted_and_keeps_to_its_folder(store: Store) -> None:
    for key in ("m/b/2", "m/a", "m/b/1", "m/b-c", "mm/c"):
        store.write(key, b"")
    assert list(store.list("m")) == ["m/a", "m/b-c", "m/b/1", "m/b/2"]


def test_only_the_first_creation_counts(store: Store) -> None:
    assert store.create("ledger/u", b"first")
    assert not store.create("ledger/u", b"second")
    assert store.read("ledger/u") == b"first"


def test_creating_again_what_is_there_is_success_as_after_a_lost_reply(store: Store) -> None:
    assert store.create("ledger/u", b"same")
    assert store.create("ledger/u", b"same")


def test_of_eight_racers_exactly_one_creates(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda number: store.create("race", str(number).encode()), range(8)))
    assert sum(won) == 1
    assert store.read("race") == str(won.index(True)).encode()


def test_content_names_end_in_the_hash_of_the_bytes(store: Store) -> None:
    file = put_content(store, "shards", "unit", ".tar", b"data")
    assert file.url == f"shards/unit-{hashlib.sha256(b'data').hexdigest()[:16]}.tar"
    assert read_verified(store, file) == b"data"


def test_altered_bytes_are_found_when_read(store: Store) -> None:
    file = put_content(store, "shards", "unit", ".tar", b"data")
    store.write(file.url, b"tada")
    with pytest.raises(StorageError, match="not those the manifest names"):
        read_verified(store, file)


def test_a_server_that_ignores_conditions_is_refused(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = bucket_on(request, monkeypatch, "rclone")
    with pytest.raises(StorageError, match="--single-writer"):
        open_store(f"s3://{bucket}/root").create("ledger/u", b"1")


def test_a_single_writer_may_use_a_server_that_ignores_conditions(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(f"s3://{bucket_on(request, monkeypatch, 'rclone')}/root", single_writer=True)
    assert store.create("ledger/u", b"1")
    assert not store.create("ledger/u", b"2")


def test_a_wrong_secret_is_said_to_be_one(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket = bucket_on(request, monkeypatch, "rclone")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not-the-secret")
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    with pytest.raises(StorageError, match="wrong secret key"):
        open_store(f"s3://{bucket}/root").write("x", b"1")


def test_a_missing_bucket_is_said_to_be_missing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket_on(request, monkeypatch, "moto")
    with pytest.raises(StorageError, match="create it first"):
        open_store("s3://no-such-bucket-here/root").write("x", b"1")


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(StorageError, match="s3://bucket/prefix"):
        open_store("gs://bucket/x")
