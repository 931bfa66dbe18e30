from pathlib import Path

import numpy as np
import pytest
import soundfile

from omniforge.jobs.tokenizer_recordings import Recording, read_recordings
from omniforge.schemas.record import Refusal


def _write(path: Path, seconds: float = 2.0, rate: int = 22_050) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, round(seconds * rate)), rate)


def test_recordings_of_both_kinds_are_found_anywhere_below_a_folder(tmp_path: Path) -> None:
    chapter, table = tmp_path / "deep" / "7" / "8", tmp_path / "voices"
    _write(chapter / "7-8-0001.flac")
    (chapter / "7-8.trans.txt").write_text("7-8-0001 A RED SQUARE\n")
    _write(table / "clips" / "one.wav")
    (table / "validated.tsv").write_text("client_id\tpath\tsentence\nsomeone\tone.wav\tA blue star.\n")
    found = [item for item in read_recordings(tmp_path) if isinstance(item, Recording)]
    assert [(item.speaker, item.text) for item in found] == [("7", "A RED SQUARE"), ("someone", "A blue star.")]
    assert all(len(item.samples) == 32_000 for item in found)


def test_a_recording_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "1-2.trans.txt").write_text("1-2-0001 HELLO THERE\n")
    assert [(item.source_uri, item.reason) for item in read_recordings(tmp_path) if isinstance(item, Refusal)] == [
        ("1-2.trans.txt#1-2-0001", "missing_media")
    ]


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such folder"):
        list(read_recordings(tmp_path / "absent"))
