import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.conversations import Conversations, parse_line
from omniforge.pipeline.sources.refused import Refused
from omniforge.schemas.record import Message


def line(user="<|image|>\nWhat is it?", assistant="Apples.", **fields):
    turns = [{"role": "user", "content": user}, {"role": "assistant", "content": assistant}]
    return json.dumps({"messages": turns, **fields}).encode()


def collection(root, *lines, end=b"\n"):
    (root / "talk.jsonl").write_bytes(b"\n".join(lines) + end)
    (root / "media").mkdir(exist_ok=True)
    for name in ("a.jpg", "b.jpg", "a.wav", "b.wav"):
        (root / "media" / name).write_bytes(name.encode())
    return root


IMAGE = {"images": ["media/a.jpg"]}
AUDIO = {"audios": ["media/a.wav"]}
TEXT = line("Say hello.", "Hello.")


def test_messages_are_kept_as_they_are_with_media_in_tag_order(tmp_path, read_all):
    talk = line(
        "<|audio|> and <|image|> <|image|>", "Yes.\n<|audio|>",
        images=["media/b.jpg", "media/a.jpg"], audios=["media/a.wav", "media/b.wav"],
    )  # fmt: skip
    record = read_all(Conversations(language="en"), collection(tmp_path, talk))["line 1"]
    assert record.kind == "chat"
    assert record.messages == (
        Message("user", "<|audio|> and <|image|> <|image|>"),
        Message("assistant", "Yes.\n<|audio|>"),
    )
    assert [(medium.role, medium.data) for medium in record.media] == [
        ("image", b"b.jpg"),
        ("image2", b"a.jpg"),
        ("speech", b"a.wav"),
        ("speech2", b"b.wav"),
    ]


def test_blank_lines_are_not_counted_and_a_last_line_needs_no_end(tmp_path, read_all, reasons):
    root = collection(tmp_path, TEXT, b"", b"  \t", line("b", "b"), line("c", "c"), end=b"")
    assert list(read_all(Conversations(), root)) == ["line 1", "line 2", "line 3"]


def test_windows_line_ends_and_a_byte_order_mark_are_read(tmp_path, read_all, reasons):
    root = collection(tmp_path, b"\xef\xbb\xbf" + TEXT + b"\r", line("b", "b") + b"\r")
    assert reasons(read_all(Conversations(), root)) == {"line 1": None, "line 2": None}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"messages": [{"role": "user", "content": "unterminated', "invalid_json"),
        (b"{'messages': []}", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"[1, 2]", "wrong_type"),
        (b"null", "wrong_type"),
        (TEXT.replace(b"hello", b"caf\xe9"), "invalid_utf8"),
        (TEXT.replace(b"hello", rb"\ud83d"), "invalid_unicode"),
        (b'{"messages": "text"}', "wrong_type"),
        (b'{"messages": null}', "wrong_type"),
        (b'{"messages": []}', "empty_messages"),
        (b'{"conversation": []}', "missing_field"),
        (TEXT.replace(b'{"messages"', b'{"messages": [], "messages"'), "duplicate_json_key"),
        (line(images=[{"path": "media/a.jpg"}]), "wrong_type"),
        (line(images=[None]), "wrong_type"),
        (line(images=3), "wrong_type"),
        (line(), "tag_count_mismatch"),
        (line(images=["media/a.jpg", "media/b.jpg"]), "tag_count_mismatch"),
        (line("What is it?", **IMAGE), "tag_count_mismatch"),
        (line(images=["media/absent.jpg"]), "missing_media"),
        (line(images=["media/nul\0.jpg"]), "missing_media"),
        (line(images=["x" * 5000]), "missing_media"),
        (line(images=[""]), "missing_media"),
        (line(images=["media"]), "missing_media"),
        (line(images=["../../etc/passwd"]), "path_traversal"),
        (line(images=["media\\..\\..\\a.jpg"]), "path_traversal"),
        (line(images=["media/link.jpg"]), "path_traversal"),
        (line(images=["/etc/hostname"]), "absolute_path"),
        (line(images=["C:\\a.jpg"]), "absolute_path"),
        (line(images=["http://127.0.0.1:9/a.jpg"]), "remote_uri"),
        (line(images=["data:image/png;base64,"]), "remote_uri"),
        (line("Describe the picture.\n<|image|>", " ", **IMAGE), "empty_caption"),
        (line("Say hello.", ""), "missing_answer"),
    ],
)
def test_a_broken_line_is_refused_in_its_place_and_reading_goes_on(tmp_path, read_all, reasons, content, reason):
    root = collection(tmp_path, TEXT, content, line("b", "b"))
    (root / "media" / "link.jpg").symlink_to("/etc/hostname")
    items = read_all(Conversations(), root)
    assert reasons(items) == {"line 1": None, "line 2": reason, "line 3": None}
    assert items["line 2"].evidence == content[:1024]


@pytest.mark.parametrize(
    ("content", "repairs"),
    [
        (line(images="media/a.jpg"), ("coerced_images",)),
        (line("score?", "bad").replace(b'{"messages"', b'{"score": NaN, "messages"'), ("invalid_json_number",)),
        (TEXT.replace(b'"user"', b'"human"').replace(b'"assistant"', b'"gpt"'), ("mapped_roles",)),
        (b'{"messages": [{"from": "human", "value": "a"}, {"from": "gpt", "value": "b"}]}', ("mapped_schema",)),
        (line("hi", "hello", images=None, audios=[]), ()),
        (TEXT.replace(b'{"messages"', b'{"meta": ' + b"[" * 60 + b"]" * 60 + b', "messages"'), ()),
        (line('What does < |image| > or "<|img|>" mean?', "Nothing."), ()),
    ],
)
def test_what_has_one_meaning_is_kept_and_the_repair_named(tmp_path, read_all, content, repairs):
    assert read_all(Conversations(), collection(tmp_path, content))["line 1"].repairs == repairs


def test_conversations_win_over_messages_where_both_are_there():
    both = b'{"messages": [], "conversations": [{"role":"user","content":"a"},{"role":"assistant","content":"b"}]}'
    assert [message.content for message in parse_line(both).messages] == ["a", "b"]


def test_a_line_that_repeats_an_earlier_one_is_refused(tmp_path, read_all, reasons):
    root = collection(tmp_path, TEXT, line("b", "b"), TEXT + b"  ")
    items = read_all(Conversations(), root)
    assert reasons(items) == {"line 1": None, "line 2": None, "line 3": "duplicate_record"}
    assert items["line 3"].detail == "the same as line 1"


def test_a_spoken_request_knows_what_other_lines_write_about_its_picture(tmp_path, read_all):
    root = collection(
        tmp_path,
        line("Describe the picture.\n<|image|>", "Green apples.", **IMAGE),
        line("<|audio|>", "<|image|>", **IMAGE, **AUDIO),
        line("Draw what the following text describes.\nA bowl.", "<|image|>", **IMAGE),
        line("How many?\n<|image|>", "Two.", **IMAGE),
        line("Describe the picture.\n<|image|>", "A bus.", images=["media/b.jpg"]),
    )
    record = read_all(Conversations(), root)["line 2"]
    assert record.kind == "s2i"
    assert record.related_texts == ("Green apples.", "A bowl.", "How many? Two.")


def test_media_are_found_in_a_folder_of_their_own(tmp_path, read_all, reasons):
    root = collection(tmp_path, line(images=["a.jpg"]))
    assert reasons(read_all(Conversations(media_folder="media"), root)) == {"line 1": None}


def test_identity_and_bytes_change_with_a_referenced_medium(tmp_path):
    root = collection(tmp_path, line(**IMAGE))
    (first,) = Conversations().containers(root)
    (root / "media" / "b.jpg").write_bytes(b"not referred to")
    assert list(Conversations().containers(root)) == [first]
    (root / "media" / "a.jpg").write_bytes(b"other picture")
    (second,) = Conversations().containers(root)
    assert second.identity != first.identity
    assert second.bytes == first.bytes + 8


def test_an_absent_file_is_named(tmp_path):
    with pytest.raises(ValueError, match=r"talk\.jsonl"):
        list(Conversations(files=("talk.jsonl",)).containers(tmp_path))


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["user", "assistant", "<|image|>", "", "x", "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["messages", "role", "content", "images", "audios", "from", "value"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_no_json_whatever_raises_anything_but_a_refusal(value):
    with contextlib.suppress(Refused):
        parse_line(json.dumps(value).encode())
