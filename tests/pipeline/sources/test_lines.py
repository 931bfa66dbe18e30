from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.lines import index_lines, read_lines

LINES = st.lists(
    st.binary(max_size=6).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b"").replace(b"\xef", b"")), max_size=8
)


@given(lines=LINES, ended=st.booleans(), skip_blank=st.booleans())
def test_lines_are_those_between_line_ends(tmp_path_factory, lines, ended, skip_blank):
    file = tmp_path_factory.mktemp("lines") / "a.txt"
    file.write_bytes(b"\n".join(lines) + (b"\n" if ended else b""))
    expected = file.read_bytes().split(b"\n")
    if expected[-1] == b"":
        expected.pop()
    if skip_blank:
        expected = [line for line in expected if line.strip()]
    index = index_lines(file, skip_blank)
    assert [line for _, line in read_lines(file, index, 0, len(index))] == expected


def test_a_range_starts_anywhere(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\n\nb\r\nc")
    index = index_lines(tmp_path / "a.txt", skip_blank=True)
    assert list(read_lines(tmp_path / "a.txt", index, 1, 3)) == [(1, b"b"), (2, b"c")]


def test_repeats_name_the_first_of_the_same_lines_but_for_white_space_at_the_ends(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"a\nb\n\n\n a\r\nA\na")
    assert index_lines(tmp_path / "a.txt", skip_blank=False).repeats == {4: 0, 6: 0}


def test_a_file_that_changed_is_scanned_again(tmp_path):
    file = tmp_path / "a.txt"
    file.write_bytes(b"a\n")
    assert len(index_lines(file, skip_blank=True)) == 1
    file.write_bytes(b"a\nb\n")
    assert len(index_lines(file, skip_blank=True)) == 2
