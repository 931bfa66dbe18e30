from pathlib import Path

import pytest
from token_datasets import made_dataset

from omniforge.jobs.train_ray import with_found_data
from omniforge.trainer.stages import StageConfig


def test_the_data_of_a_stage_is_one_version_that_workers_elsewhere_find(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = made_dataset(tmp_path / "root", {"caption": 8}).reference
    monkeypatch.chdir(tmp_path)
    assert with_found_data(StageConfig(data="root/made@latest", steps=3)) == StageConfig(data=reference, steps=3)
    assert Path(reference).is_absolute()
    assert with_found_data(StageConfig(steps=3)) == StageConfig(steps=3)
