"""What the command `export` asks of its user."""

from pathlib import Path

import pytest

from omniforge.jobs.cli import USAGE, main


def test_an_output_that_is_no_folder_is_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["export", "root/name", "--format", "hf", "--output", "s3://bucket/out"]) == USAGE
    assert "--output s3://bucket/out: an export goes into a folder" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
