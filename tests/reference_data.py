"""Where tests find what the reference implementations computed, and the real collection."""

import os
from pathlib import Path

import pytest

OWN_FIXTURES = Path(__file__).parent / "parity" / "fixtures"


def parity_folder(name: str) -> Path:
    """A folder of golden tensors: of `PARITY_DIR`, or our own.

    A set from elsewhere need not hold every folder, and the tests of those it lacks are left out with a line.

    Raises:
        FileNotFoundError: ours is not there, or `PARITY_DIR` is no folder, so that all of its tests would be left out.
    """
    given = os.environ.get("PARITY_DIR")
    if given is not None and not Path(given).is_dir():
        raise FileNotFoundError(f"PARITY_DIR={given} is no folder; name one with golden tensors, or unset it to use our own")
    folder = Path(given or OWN_FIXTURES) / name
    if folder.is_dir():
        return folder
    if given is None:
        raise FileNotFoundError(f"{folder} belongs to the repository and is not there; restore it")
    return pytest.skip(f"PARITY_DIR={given} has no {name}", allow_module_level=True)


def realdata_folder() -> Path:
    """The real collection; absent on a user's machine its tests are left out with a line, in CI that is a failure.

    Raises:
        FileNotFoundError: it is not there, in CI.
    """
    folder = Path(os.environ.get("REALDATA_DIR", Path(__file__).parents[2] / "shared" / "realdata"))
    if (folder / "RECORDS.tsv").is_file():
        return folder
    message = f"no real collection at {folder}; set REALDATA_DIR to one"
    if os.environ.get("CI", "").lower() not in ("", "0", "false"):
        raise FileNotFoundError(message)
    return pytest.skip(message, allow_module_level=True)
