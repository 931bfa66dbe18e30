"""Builds that several end-to-end tests look at, made once in a session."""

import pytest
from building import Build, omniforge, write_config


@pytest.fixture(scope="session")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """A small build of embedded corpora on a local root, undisturbed."""
    folder = tmp_path_factory.mktemp("small")
    config = write_config(folder)
    output = omniforge("build", "--config", str(config), f"root={folder / 'root'}")
    return Build(config, folder / "root", output)
