import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from omniforge.pipeline.sources.hf_parquet import HfParquet

MEDIUM = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def collection(root, row_group_size=2, **columns):
    (root / "hf_parquet").mkdir(exist_ok=True)
    arrays = {
        name: pa.array(values, MEDIUM if name in ("image", "audio") and not isinstance(values[0], bytes) else None)
        for name, values in columns.items()
    }
    pq.write_table(pa.table(arrays), root / "hf_parquet" / "a.parquet", row_group_size=row_group_size)
    return root


def cell(data=b"x", path="x.jpg"):
    return {"bytes": data, "path": path}


def test_captions_are_read_over_row_groups(tmp_path, read_all, reasons):
    root = collection(tmp_path, image=[cell(str(n).encode()) for n in range(7)], caption=[f"words {n}" for n in range(7)])
    items = read_all(HfParquet(), root)
    assert reasons(items) == {f"row {n}": None for n in range(7)}
    assert (items["row 5"].kind, items["row 5"].text, items["row 5"].media[0].data) == ("caption", "words 5", b"5")
    part = HfParquet().read(root, "hf_parquet/a.parquet", 3, 6)
    assert [item.text for item in part] == ["words 3", "words 4", "words 5"]


def test_speech_and_questions_are_told_by_their_columns(tmp_path, read_all):
    speech = read_all(HfParquet(), collection(tmp_path, audio=[cell(path=None)], text=["one"], speaker=["me"]))["row 0"]
    assert (speech.kind, speech.text, speech.speaker, speech.media[0].role) == ("asr", "one", "me", "speech")
    asked = read_all(HfParquet(answer="label"), collection(tmp_path, image=[b"plain"], question=["Is it?"], label=["Yes."]))
    assert (asked["row 0"].kind, asked["row 0"].question, asked["row 0"].answer) == ("vqa", "Is it?", "Yes.")


@pytest.mark.parametrize(
    ("image", "caption", "reason"),
    [
        (None, "words", "missing_media"),
        (cell(None, None), "words", "missing_media"),
        (cell(None, "gone.jpg"), "words", "missing_media"),
        (cell(None, "../secret.jpg"), "words", "path_traversal"),
        (cell(None, "https://example.org/a.jpg"), "words", "remote_uri"),
        (cell(), None, "missing_caption"),
        (cell(), "  ", "empty_caption"),
        (cell(path=None), "words", None),
        (cell(None, "there.jpg"), "words", None),
    ],
)
def test_a_broken_row_is_refused_in_its_place(tmp_path, read_all, reasons, image, caption, reason):
    root = collection(tmp_path, image=[cell(), image, cell()], caption=["a", caption, "b"])
    (root / "hf_parquet" / "there.jpg").write_bytes(b"found by its path")
    assert reasons(read_all(HfParquet(), root)) == {"row 0": None, "row 1": reason, "row 2": None}


def test_a_file_cut_off_counts_once(tmp_path, read_all, reasons):
    root = collection(tmp_path, image=[cell(b"x" * 5000)], caption=["a"])
    file = root / "hf_parquet" / "a.parquet"
    file.write_bytes(file.read_bytes()[:-20])
    assert reasons(read_all(HfParquet(), root)) == {"whole file": "invalid_parquet"}


def test_a_damaged_row_group_refuses_its_rows_and_no_others(tmp_path, read_all, reasons):
    root = collection(tmp_path, image=[cell(bytes([n]) * 3000) for n in range(6)], caption=list("abcdef"))
    file = root / "hf_parquet" / "a.parquet"
    column = pq.ParquetFile(file).metadata.row_group(1).column(0)
    begin = column.dictionary_page_offset or column.data_page_offset
    data = bytearray(file.read_bytes())
    data[begin : begin + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    file.write_bytes(data)
    found = reasons(read_all(HfParquet(), root))
    assert {name: found[name] for name in ("row 0", "row 1", "row 4", "row 5")} == dict.fromkeys(
        ("row 0", "row 1", "row 4", "row 5")
    )
    assert (found["row 2"], found["row 3"]) == ("invalid_parquet", "invalid_parquet")


def test_identity_changes_with_a_medium_found_by_its_path(tmp_path):
    root = collection(tmp_path, image=[cell(None, "there.jpg")], caption=["a"])
    (first,) = HfParquet().containers(root)
    (root / "hf_parquet" / "there.jpg").write_bytes(b"now it is")
    (second,) = HfParquet().containers(root)
    assert first.identity != second.identity


def test_missing_columns_and_files_are_named(tmp_path):
    with pytest.raises(ValueError, match="hf_parquet"):
        list(HfParquet().containers(tmp_path))
    with pytest.raises(ValueError, match="'image' with 'caption'"):
        list(HfParquet().containers(collection(tmp_path, other=["a"])))
