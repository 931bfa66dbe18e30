import pytest

from omniforge.pipeline.sources.prompts import Prompts


def collection(root, **files):
    (root / "prompts").mkdir()
    for name, content in files.items():
        (root / "prompts" / name.replace("_", ".")).write_bytes(content)
    return root


def test_each_line_of_a_text_file_is_a_prompt(tmp_path, read_all, reasons):
    root = collection(tmp_path, a_txt=b"a cat\r\n\na cat\n caf\xe9\n  A CAT \nlast")
    items = read_all(Prompts(), root)
    assert reasons(items) == {
        "line 1": None,
        "line 2": "empty_prompt",
        "line 3": "duplicate_record",
        "line 4": "invalid_utf8",
        "line 5": None,
        "line 6": None,
    }
    assert (items["line 1"].kind, items["line 1"].text, items["line 5"].text) == ("prompt", "a cat", "  A CAT ")


def test_a_column_of_a_table_is_read_and_the_header_is_row_one(tmp_path, read_all, reasons):
    root = collection(tmp_path, a_tsv=b'Note\tText\nx\ta "quoted cat\ny\n\t \nx\ta dog\textra\nz\ta dog\n')
    items = read_all(Prompts(column="Text"), root)
    assert reasons(items) == {
        "row 2": None,
        "row 3": "wrong_column_count",
        "row 4": "empty_prompt",
        "row 5": "wrong_column_count",
        "row 6": None,
    }
    assert items["row 2"].text == 'a "quoted cat'


def test_a_range_of_rows_is_read(tmp_path):
    root = collection(tmp_path, a_tsv=b"Prompt\na\nb\nc\n")
    assert [item.text for item in Prompts(files=("*.tsv",)).read(root, "prompts/a.tsv", 1, 3)] == ["b", "c"]


def test_what_is_absent_is_named(tmp_path):
    root = collection(tmp_path, a_tsv=b"Text\na\n", b_txt=b"")
    with pytest.raises(ValueError, match="'Prompt'"):
        list(Prompts().containers(root))
    with pytest.raises(ValueError, match=r"\*\.csv"):
        list(Prompts(files=("*.csv",)).containers(root))
    with pytest.raises(ValueError, match="'absent'"):
        list(Prompts(folder="absent").containers(root))
