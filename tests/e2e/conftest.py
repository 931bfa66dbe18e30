"""Builds that several end-to-end tests look at, made once in a session."""

import pytest
from building import Build, omniforge, write_config
from filelock import FileLock


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Build:
    """A small build of embedded corpora on a local root, undisturbed; the first process that asks makes it for all."""
    alone = worker_id == "master"
    shared = tmp_path_factory.getbasetemp() if alone else tmp_path_factory.getbasetemp().parent
    folder = shared / "small-build"
    said = folder / "said.txt"
    with FileLock(shared / "small-build.lock"):
        if not said.is_file():
            folder.mkdir()
            config = write_config(folder)
            said.write_text(omniforge("build", "--config", str(config), f"root={folder / 'root'}"))
    return Build(folder / "small.yaml", folder / "root", said.read_text())
