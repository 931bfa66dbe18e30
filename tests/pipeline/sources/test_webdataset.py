import io
import json
import tarfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge.pipeline.sources.webdataset import WebDataset
from omniforge.schemas.record import Refusal, SourceRecord


def archive(*members):
    """Bytes of a tar: (name, bytes) or (name, tar type, link target)."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content, *target in members:
            info = tarfile.TarInfo(name)
            if isinstance(content, bytes) and not target and content not in (tarfile.FIFOTYPE, tarfile.DIRTYPE):
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
            else:
                info.type = content
                info.linkname = target[0] if target else ""
                tar.addfile(info)
    return buffer.getvalue()


def collection(root, data):
    (root / "wds").mkdir(exist_ok=True)
    (root / "wds" / "0.tar").write_bytes(data)
    return root


def sample(key, caption=b"a cat"):
    return (f"{key}.jpg", b"picture " + key.encode()), (f"{key}.txt", caption)


def test_a_sample_is_read_with_its_picture_and_caption(tmp_path, read_all):
    root = collection(tmp_path, archive(*sample("001"), ("001.json", json.dumps({"license": "CC0-1.0"}).encode())))
    record = read_all(WebDataset(license="CC-BY-4.0"), root)["001"]
    assert (record.kind, record.text, record.license) == ("caption", "a cat", "CC0-1.0")
    assert [(medium.role, medium.name, medium.data) for medium in record.media] == [("image", "001.jpg", b"picture 001")]


def test_a_range_is_read_by_offset(tmp_path):
    root = collection(tmp_path, archive(*(member for key in ("a", "b", "c", "d") for member in sample(key))))
    assert [item.source_uri for item in WebDataset().read(root, "wds/0.tar", 1, 3)] == ["wds/0.tar#b", "wds/0.tar#c"]


@pytest.mark.parametrize("name", ["a.JPEG", "a.png", "a.WebP"])
def test_extensions_ignore_case(tmp_path, read_all, reasons, name):
    root = collection(tmp_path, archive((name, b"x"), ("a.TXT", b"words")))
    assert reasons(read_all(WebDataset(), root)) == {"a": None}


def test_a_caption_is_taken_from_the_metadata_where_there_is_no_text(tmp_path, read_all):
    root = collection(tmp_path, archive(("a.jpg", b"x"), ("a.json", b'{"caption": "words"}')))
    record = read_all(WebDataset(), root)["a"]
    assert (record.text, record.repairs) == ("words", ("caption_from_json",))


def test_metadata_that_cannot_be_read_leave_the_pair_whole(tmp_path, read_all):
    record = read_all(WebDataset(), collection(tmp_path, archive(*sample("a"), ("a.json", b"{broken"))))["a"]
    assert (record.text, record.repairs) == ("a cat", ("invalid_json_metadata",))


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ((("a.jpg", b"x"), ("a.txt", b"")), "empty_caption"),
        ((("a.jpg", b"x"), ("a.txt", b" \n\t")), "empty_caption"),
        ((("a.jpg", b"x"), ("a.txt", "Café".encode("latin-1"))), "invalid_utf8"),
        ((("a.jpg", b"x"),), "missing_caption"),
        ((("a.jpg", b"x"), ("a.json", b"{}")), "missing_caption"),
        ((("a.jpg", b"x"), ("a.json", b'{"caption": 3}')), "wrong_type"),
        ((("a.txt", b"words"), ("a.json", b"{}")), "missing_image"),
        ((("a.jpg", b"x"), ("a.txt", b"w"), ("a.jpg", b"y")), "duplicate_member"),
        ((("a.jpg", b"x"), ("a.png", b"y"), ("a.txt", b"w")), "duplicate_member"),
        ((("a.jpg", tarfile.SYMTYPE, "../../etc/passwd"), ("a.txt", b"w")), "symlink_member"),
        ((("a.jpg", tarfile.LNKTYPE, "b.jpg"), ("a.txt", b"w")), "hardlink_member"),
        ((("a.jpg", tarfile.FIFOTYPE), ("a.txt", b"w")), "special_member"),
    ],
)
def test_a_broken_sample_is_one_refusal(tmp_path, read_all, reasons, members, reason):
    assert reasons(read_all(WebDataset(), collection(tmp_path, archive(*members)))) == {"a": reason}


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("../../evil.txt", "path_traversal"),
        ("/tmp/evil.txt", "absolute_path"),
        ("__MACOSX/._a.jpg", "junk_member"),
        ("sub/.DS_Store", "junk_member"),
        ("Thumbs.db", "junk_member"),
        ("LICENSE", "junk_member"),
    ],
)
def test_a_member_that_belongs_to_no_sample_is_a_record_of_its_own(tmp_path, read_all, reasons, name, reason):
    root = collection(tmp_path, archive(*sample("a"), (name, b"x"), *sample("b")))
    assert reasons(read_all(WebDataset(), root)) == {"a": None, name: reason, "b": None}


def test_a_key_that_comes_back_whole_is_a_duplicate(tmp_path, read_all, reasons):
    root = collection(tmp_path, archive(*sample("a"), *sample("b"), *sample("a"), *sample("c"), *sample("a")))
    assert reasons(read_all(WebDataset(), root)) == {
        "a (first)": None,
        "b": None,
        "a (second)": "duplicate_key",
        "c": None,
        "a (third)": "duplicate_key",
    }


def test_halves_of_a_sample_that_lie_apart_are_both_refused(tmp_path, read_all, reasons):
    root = collection(tmp_path, archive(("a.jpg", b"x"), *sample("b"), ("a.txt", b"w")))
    assert reasons(read_all(WebDataset(), root)) == {
        "a (first run: .jpg only)": "members_not_adjacent",
        "b": None,
        "a (second run: .txt only)": "members_not_adjacent",
    }


def test_junk_with_the_name_of_a_key_keeps_the_sample(tmp_path, read_all, reasons):
    root = collection(tmp_path, archive(("a", b"x"), *sample("a")))
    assert reasons(read_all(WebDataset(), root)) == {"a (first)": "junk_member", "a (second)": None}


def test_a_folder_is_no_record_and_its_name_is_part_of_the_key(tmp_path, read_all, reasons):
    root = collection(tmp_path, archive(("sub", tarfile.DIRTYPE), *sample("sub/a")))
    assert reasons(read_all(WebDataset(), root)) == {"sub/a": None}


def test_a_file_that_is_no_archive_is_one_refusal(tmp_path, read_all, reasons):
    assert reasons(read_all(WebDataset(), collection(tmp_path, b"no tar" * 200))) == {"whole file": "invalid_archive"}


def test_an_archive_that_is_damaged_inside_keeps_what_comes_before_and_says_where_it_ends(tmp_path, read_all, reasons):
    good = archive(*sample("a"))[: 4 * 512]
    root = collection(tmp_path, good + b"\xff" * 2048)
    assert reasons(read_all(WebDataset(), root)) == {"a": None, "offset 2048": "invalid_archive"}


def test_an_archive_without_its_end_mark_keeps_a_last_sample_that_is_whole(tmp_path, read_all, reasons):
    root = collection(tmp_path, archive(*sample("a"))[: 4 * 512])
    assert reasons(read_all(WebDataset(), root)) == {"a": None}


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(1, 7 * 1024))
def test_a_cut_anywhere_keeps_the_samples_before_it_and_refuses_at_most_the_one_it_hits(tmp_path_factory, cut):
    keys = ("a", "b", "c")
    whole = archive(*(member for key in keys for member in (*sample(key), (f"{key}.json", b"{}"))))
    root = collection(tmp_path_factory.mktemp("cut"), whole[:cut])
    (container,) = WebDataset().containers(root)
    items = list(WebDataset().read(root, container.path, 0, container.records))
    sample_bytes = 6 * 512
    kept = [item.source_uri.partition("#")[2] for item in items if isinstance(item, SourceRecord)]
    before = cut // sample_bytes
    assert kept[:before] == list(keys[:before])
    refused = [item for item in items if isinstance(item, Refusal)]
    assert len(refused) <= 1
    assert {item.reason for item in refused} <= {"truncated_archive", "invalid_archive"}


def test_identity_changes_with_the_bytes(tmp_path):
    first = next(WebDataset().containers(collection(tmp_path, archive(*sample("a"))))).identity
    assert next(WebDataset().containers(collection(tmp_path, archive(*sample("b"))))).identity != first


def test_an_absent_folder_or_pattern_is_named(tmp_path):
    with pytest.raises(ValueError, match="wds"):
        list(WebDataset().containers(tmp_path))
    (tmp_path / "wds").mkdir()
    with pytest.raises(ValueError, match=r"\*\.tar"):
        list(WebDataset().containers(tmp_path))
