import pytest

from omniforge.pipeline.sources.commonvoice import CommonVoice

HEADER = "client_id\tpath\tsentence\tup_votes\tdown_votes\tlocale"


def collection(root, *rows, clips=("a.mp3", "b.mp3")):
    (root / "commonvoice" / "clips").mkdir(parents=True)
    for name in clips:
        (root / "commonvoice" / "clips" / name).write_bytes(name.encode())
    lines = [HEADER, *rows]
    (root / "commonvoice" / "validated.tsv").write_bytes(
        b"\n".join(r if isinstance(r, bytes) else r.encode() for r in lines) + b"\n"
    )
    return root


A = "someone\ta.mp3\tHello.\t2\t0\ten"
B = "else\tb.mp3\tAgain.\t2\t1\t"


def test_a_row_and_its_clip_are_a_record(tmp_path, read_all):
    items = read_all(CommonVoice(language="xx"), collection(tmp_path, A, B))
    assert list(items) == ["row 2 a.mp3", "row 3 b.mp3"]
    record = items["row 2 a.mp3"]
    assert (record.text, record.speaker, record.language, record.media[0].data) == ("Hello.", "someone", "en", b"a.mp3")
    assert items["row 3 b.mp3"].language == "xx"


@pytest.mark.parametrize(
    ("row", "name", "reason"),
    [
        (A, " a.mp3", "duplicate_record"),
        ("x\tabsent.mp3\tHello.\t2\t0\ten", " absent.mp3", "missing_media"),
        ("x\ta.mp3\t \t2\t0\ten", " a.mp3", "empty_transcript"),
        ("x\ta.mp3\tHello.\t0\t4\ten", " a.mp3", "outvoted"),
        ("x\ta.mp3\tHello.\t2\t2\ten", " a.mp3", "outvoted"),
        ("x\ta.mp3", " a.mp3", "wrong_column_count"),
        ("x", "", "wrong_column_count"),
        ("", "", "wrong_column_count"),
        ("x\ta.mp3\tHello\tthere.\t2\t0\ten", " a.mp3", "wrong_column_count"),
        ("x\t../clips/a.mp3\tHello.\t2\t0\ten", " ../clips/a.mp3", "path_traversal"),
        (b"x\ta.mp3\tCaf\xe9.\t2\t0\ten", " a.mp3", "invalid_utf8"),
        ('x\ta.mp3\t"A quote that never closes\t2\t0\ten', " a.mp3", None),
        ("x\ta.mp3\tNobody voted.\t0\t0\ten", " a.mp3", None),
    ],
)
def test_a_broken_row_is_refused_and_reading_goes_on(tmp_path, read_all, reasons, row, name, reason):
    root = collection(tmp_path, A, row, B)
    assert reasons(read_all(CommonVoice(), root)) == {"row 2 a.mp3": None, f"row 3{name}": reason, "row 4 b.mp3": None}


def test_a_clip_without_a_row_is_a_record_of_the_clips_folder(tmp_path, read_all):
    root = collection(tmp_path, A, clips=("a.mp3", "z.mp3", "b.mp3"))
    items = read_all(CommonVoice(), root)
    assert [items[name].source_uri for name in ("b.mp3", "z.mp3")] == [
        "commonvoice/clips#b.mp3",
        "commonvoice/clips#z.mp3",
    ]
    assert items["z.mp3"].reason == "missing_transcript"
    assert [item.source_uri for item in CommonVoice().read(root, "commonvoice/clips", 1, 2)] == ["commonvoice/clips#z.mp3"]


def test_identity_changes_with_a_clip(tmp_path):
    root = collection(tmp_path, A, clips=("a.mp3",))
    (first,) = CommonVoice().containers(root)
    (root / "commonvoice" / "clips" / "a.mp3").write_bytes(b"other")
    (second,) = CommonVoice().containers(root)
    assert first.identity != second.identity


def test_what_is_absent_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"commonvoice/validated\.tsv"):
        list(CommonVoice().containers(tmp_path))
    root = collection(tmp_path, A)
    with pytest.raises(ValueError, match="commonvoice/sounds"):
        list(CommonVoice(clips="sounds").containers(root))
    (root / "commonvoice" / "validated.tsv").write_text("client_id\tfile\n")
    with pytest.raises(ValueError, match="'path'"):
        list(CommonVoice().containers(root))
