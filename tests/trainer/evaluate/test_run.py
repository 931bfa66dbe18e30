from pathlib import Path

import pytest

from omniforge.trainer.evaluate.run import write_json, write_text


def test_a_file_that_cannot_be_written_stays_what_it_was(tmp_path: Path) -> None:
    path = tmp_path / "there" / "evaluation.md"
    write_text(path, "whole\n")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "half \ud800")
    assert path.read_text() == "whole\n"


def test_two_files_of_one_name_do_not_share_what_lies_beside_them(tmp_path: Path) -> None:
    write_text(tmp_path / "evaluation.md", "page")
    write_json(tmp_path / "evaluation.json", {"ü": 1})
    assert {path.name for path in tmp_path.iterdir()} == {"evaluation.md", "evaluation.json"}
    assert (tmp_path / "evaluation.json").read_text() == '{\n "ü": 1\n}\n'
