import pytest

from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.tsv import header, row


def test_cells_are_named_and_a_quotation_mark_is_a_character():
    assert row(b'"a\tb"\t', ("x", "y", "z")) == {"x": '"a', "y": 'b"', "z": ""}


@pytest.mark.parametrize(
    ("line", "reason"), [(b"a", "wrong_column_count"), (b"a\tb\tc", "wrong_column_count"), (b"a\t\xe9", "invalid_utf8")]
)
def test_a_broken_row_is_refused(line, reason):
    with pytest.raises(Refused) as refused:
        row(line, ("x", "y"))
    assert refused.value.reason == reason


def test_the_header_is_read_without_a_byte_order_mark(tmp_path):
    (tmp_path / "a.tsv").write_bytes(b"\xef\xbb\xbfx\ty\r\n1\t2\r\n")
    assert header(tmp_path / "a.tsv", ("x", "y")) == ("x", "y")


@pytest.mark.parametrize("content", [b"", b"x\tz\n"])
def test_a_missing_column_is_named(tmp_path, content):
    (tmp_path / "a.tsv").write_bytes(content)
    with pytest.raises(ValueError, match="'y'"):
        header(tmp_path / "a.tsv", ("y",))
