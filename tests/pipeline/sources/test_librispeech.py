import pytest

from omniforge.pipeline.sources.librispeech import LibriSpeech


def collection(root, transcripts, *recordings):
    chapter = root / "librispeech" / "test-other" / "12" / "34"
    chapter.mkdir(parents=True)
    if transcripts is not None:
        (chapter / "12-34.trans.txt").write_bytes(transcripts)
    for name in recordings:
        (chapter / f"{name}.flac").write_bytes(name.encode())
    return root


def test_a_line_and_its_recording_are_a_record(tmp_path, read_all):
    root = collection(tmp_path, b"12-34-0000 HELLO THERE\n12-34-0001 AGAIN\n", "12-34-0000", "12-34-0001")
    record = read_all(LibriSpeech(), root)["12-34-0000"]
    assert record.source_uri == "librispeech/test-other/12/34/12-34.trans.txt#12-34-0000"
    assert (record.kind, record.text, record.speaker, record.language) == ("asr", "HELLO THERE", "12", "en")
    assert [(medium.role, medium.data) for medium in record.media] == [("speech", b"12-34-0000")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"12-34-0009 THERE IS NO RECORDING", "missing_media"),
        (b"12-34-0001", "empty_transcript"),
        (b"12-34-0001   ", "empty_transcript"),
        (b"12-34-0001 CAF\xc9", "invalid_utf8"),
        (b"../34/12-34-0001 UP AND DOWN", "path_traversal"),
    ],
)
def test_a_broken_line_is_refused_and_reading_goes_on(tmp_path, read_all, reasons, line, reason):
    root = collection(tmp_path, b"12-34-0000 A\n" + line + b"\n\n12-34-0002 B", "12-34-0000", "12-34-0001", "12-34-0002")
    found = reasons(read_all(LibriSpeech(), root))
    name = line.split()[0].decode()
    assert (found["12-34-0000"], found[name], found["12-34-0002"]) == (None, reason, None)


def test_an_id_that_comes_again_is_named_by_its_position(tmp_path, read_all, reasons):
    root = collection(tmp_path, b"12-34-0000 A\n12-34-0000 A\n12-34-0000 B\n", "12-34-0000")
    assert reasons(read_all(LibriSpeech(), root)) == {
        "12-34-0000": None,
        "12-34-0000@1": "duplicate_record",
        "12-34-0000@2": "duplicate_id",
    }


@pytest.mark.parametrize("transcripts", [b"12-34-0000 A\n", None])
def test_a_recording_without_a_line_is_a_container_of_its_own(tmp_path, read_all, transcripts):
    root = collection(tmp_path, transcripts, "12-34-0000", "12-34-0001")
    refusal = read_all(LibriSpeech(), root)["12-34-0001"]
    assert refusal.source_uri == "librispeech/test-other/12/34/12-34-0001.flac#12-34-0001"
    assert refusal.reason == "missing_transcript"


def test_identity_changes_with_a_recording(tmp_path):
    root = collection(tmp_path, b"12-34-0000 A\n", "12-34-0000")
    (first,) = LibriSpeech().containers(root)
    next(root.rglob("*.flac")).write_bytes(b"other")
    (second,) = LibriSpeech().containers(root)
    assert first.identity != second.identity


def test_an_absent_or_empty_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="librispeech"):
        list(LibriSpeech().containers(tmp_path))
    (tmp_path / "librispeech").mkdir()
    with pytest.raises(ValueError, match="librispeech"):
        list(LibriSpeech().containers(tmp_path))
