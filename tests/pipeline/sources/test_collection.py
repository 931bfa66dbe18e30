import os

import pytest

from omniforge.pipeline.sources.collection import join, locate, matching_files, medium, present_media, require_file
from omniforge.pipeline.sources.refused import Refused


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    (tmp_path / "in" / "sub" / "a.jpg").write_bytes(b"abc")
    (tmp_path / "outside.jpg").write_bytes(b"secret")
    (tmp_path / "in" / "inner.jpg").symlink_to(tmp_path / "in" / "sub" / "a.jpg")
    (tmp_path / "in" / "outer.jpg").symlink_to(tmp_path / "outside.jpg")
    (tmp_path / "in" / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "in" / "pipe.jpg")
    return tmp_path / "in"


@pytest.mark.parametrize("path", ["sub/a.jpg", "./sub/a.jpg", "inner.jpg"])
def test_a_file_inside_is_read(folder, path):
    assert medium(folder, path, "image").data == b"abc"


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("outer.jpg", "path_traversal"),
        ("../outside.jpg", "path_traversal"),
        ("sub/../../outside.jpg", "path_traversal"),
        ("/etc/hostname", "absolute_path"),
        ("file:///etc/hostname", "remote_uri"),
        ("absent.jpg", "missing_media"),
        ("sub", "missing_media"),
        ("pipe.jpg", "missing_media"),
        ("loop.jpg", "missing_media"),
        ("a\0.jpg", "missing_media"),
        ("\ud800.jpg", "missing_media"),
        ("x/" * 3000, "missing_media"),
    ],
)
def test_what_must_not_or_cannot_be_read_is_refused(folder, path, reason):
    with pytest.raises(Refused) as refused:
        locate(folder, path)
    assert refused.value.reason == reason


def test_present_media_are_named_once_in_order_with_their_bytes(folder):
    names, size = present_media(folder.parent, "in", ["sub/a.jpg", "absent.jpg", "../outside.jpg", "inner.jpg", "sub/a.jpg"])
    assert (names, size) == (["in/inner.jpg", "in/sub/a.jpg"], 6)


def test_files_match_in_order_if_any_pattern_does(folder):
    assert matching_files(folder.parent, "in", ("*.png", "sub/*.jpg", "inner.jpg")) == ["in/inner.jpg", "in/sub/a.jpg"]


@pytest.mark.parametrize(("patterns", "named"), [(("*.png",), r"\*\.png"), (("inner.jpg", "gone.jpg"), r"gone\.jpg")])
def test_what_a_config_names_and_is_absent_is_an_error_that_names_it(folder, patterns, named):
    with pytest.raises(ValueError, match=named):
        matching_files(folder.parent, "in", patterns)


def test_an_absent_file_is_named(folder):
    with pytest.raises(ValueError, match=r"table\.tsv"):
        require_file(folder, "table.tsv")


@pytest.mark.parametrize(("folder", "joined"), [("", "a"), (".", "a"), ("x", "x/a"), ("x/", "x/a")])
def test_paths_join_as_record_names_have_them(folder, joined):
    assert join(folder, "a") == joined
