from pathlib import Path
from typing import Any

import pytest

from omniforge.pipeline.reference import open_dataset
from omniforge.pipeline.storage import StorageError, Store


@pytest.fixture
def root(local: Store, toy: Any) -> str:
    toy.publish_media(local, range(1), name="toy-media")
    toy.publish_media(local, range(2), name="toy-media")
    toy.publish_media(local, range(1), name="other.v2")
    return local.root


@pytest.mark.parametrize(("suffix", "version"), [("", 2), ("@latest", 2), ("@v1", 1), ("@v2", 2), ("@v000001", 1)])
def test_a_version_is_opened_by_its_number_or_as_the_latest(root: str, suffix: str, version: int) -> None:
    dataset = open_dataset(f"{root}/toy-media{suffix}")
    assert dataset.manifest.version == version
    assert dataset.reference == f"{root}/toy-media@v{version}"


@pytest.mark.parametrize("digits", [8, 16, 64])
def test_a_version_is_opened_by_the_start_of_its_content_hash(root: str, digits: int) -> None:
    first = open_dataset(f"{root}/toy-media@v1").manifest
    assert open_dataset(f"{root}/toy-media@sha256:{first.content_sha256[:digits]}").manifest == first


def test_a_reference_may_be_relative(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(Path(root).parent)
    assert open_dataset("root/toy-media@v1").manifest.version == 1
    monkeypatch.chdir(root)
    assert open_dataset("toy-media@v1").manifest.version == 1


def test_a_root_may_be_in_the_home(root: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(Path(root).parent))
    assert open_dataset("~/root/toy-media").manifest.version == 2


def test_an_unknown_dataset_is_an_error_that_lists_those_there_are(root: str) -> None:
    with pytest.raises(StorageError, match=r"no dataset 'toy'; there are: other\.v2, toy-media"):
        open_dataset(f"{root}/toy@latest")


def test_an_empty_root_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="there are: none"):
        open_dataset(f"{tmp_path}/toy")


def test_an_unknown_version_is_an_error_that_says_which_there_are(root: str) -> None:
    with pytest.raises(StorageError, match="has no v7; there are v1 to v2"):
        open_dataset(f"{root}/toy-media@v7")


def test_an_unknown_hash_is_an_error(root: str) -> None:
    with pytest.raises(StorageError, match="no version whose content hash starts with 00000000"):
        open_dataset(f"{root}/toy-media@sha256:00000000")


@pytest.mark.parametrize("reference", ["root/toy@3", "root/toy@sha256:xyz", "root/toy@", "root/my data@v1"])
def test_a_malformed_reference_is_an_error_that_says_how_to_write_one(reference: str) -> None:
    with pytest.raises(StorageError, match="write ROOT/name@v3"):
        open_dataset(reference)


def test_what_is_opened_to_read_still_creates_under_a_condition(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, toy: Any
) -> None:
    """A command that publishes beside what it opened must not overwrite what another publishes meanwhile."""
    import boto3

    from omniforge.pipeline.storage import open_store

    server = request.getfixturevalue("rclone_server")
    for variable, value in server.environment().items():
        monkeypatch.setenv(variable, value)
    boto3.session.Session().client("s3").create_bucket(Bucket="opened-to-read")
    toy.publish_media(open_store("s3://opened-to-read/root", single_writer=True), range(1))
    dataset = open_dataset("s3://opened-to-read/root/toy-media")
    with pytest.raises(StorageError, match="--single-writer"):
        dataset.store.create("manifests/toy-media/v000002.json", b"{}")
