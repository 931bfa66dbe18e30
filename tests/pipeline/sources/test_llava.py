import json

import pytest

from omniforge.pipeline.sources.llava import Llava
from omniforge.schemas.record import Message


def collection(root, *items):
    (root / "llava" / "images").mkdir(parents=True)
    for name in ("a.jpg", "b.jpg"):
        (root / "llava" / "images" / name).write_bytes(name.encode())
    (root / "llava" / "mix.json").write_text(json.dumps(items))
    return root


def entry(user="<image>\nWhat is it?", said="A dish.", image="images/a.jpg", number="one", **fields):
    turns = [{"from": "human", "value": user}, {"from": "gpt", "value": said}]
    return {"id": number, "conversations": turns, **({} if image is None else {"image": image}), **fields}


def test_a_question_about_a_picture_keeps_its_turns_with_this_project_s_tag(tmp_path, read_all):
    record = read_all(Llava(), collection(tmp_path, entry()))["item 0"]
    assert (record.kind, record.question, record.answer) == ("vqa", "What is it?", "A dish.")
    assert record.messages == (Message("user", "<|image|>\nWhat is it?"), Message("assistant", "A dish."))
    assert [(medium.role, medium.data) for medium in record.media] == [("image", b"a.jpg")]


def test_several_pictures_and_turns_are_a_chat(tmp_path, read_all):
    several = entry("<image>\n<image>\nCompare.", image=["images/a.jpg", "images/b.jpg"])
    record = read_all(Llava(), collection(tmp_path, several))["item 0"]
    assert (record.kind, [(medium.role, medium.data) for medium in record.media]) == (
        "chat",
        [("image", b"a.jpg"), ("image2", b"b.jpg")],
    )


CHOICE = "<image>\nWhich?\nA. carrot\n(B) broccoli\nAnswer with the option's letter."


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ("text", "wrong_type"),
        ({"id": "two"}, "missing_field"),
        ({"id": "two", "conversations": []}, "empty_messages"),
        (entry(number="two", image="images/gone.jpg"), "missing_media"),
        (entry(number="two", image={"path": "a"}), "wrong_type"),
        (entry("<image><image>", number="two"), "tag_count_mismatch"),
        (entry(image=None, number="two"), "tag_count_mismatch"),
        (entry("<|image|> <image>", number="two"), "special_tokens_in_text"),
        (entry(said=None, number="two"), "missing_answer"),
        (entry(CHOICE, "E", number="two"), "answer_not_in_choices"),
        (entry(CHOICE, "(b)", number="two"), None),
        (entry(CHOICE, "Broccoli", number="two"), None),
        (entry("<image>\nIs it?"), "duplicate_id"),
        (entry(number="two"), "duplicate_record"),
        (entry("<image>\nIs it?", number=None), None),
    ],
)
def test_a_broken_item_is_refused_in_its_place(tmp_path, read_all, reasons, second, reason):
    root = collection(tmp_path, entry(), second, entry("<image>\nIs it hot?", number=7))
    assert reasons(read_all(Llava(), root)) == {"item 0": None, "item 1": reason, "item 2": None}


@pytest.mark.parametrize(
    ("item", "repair"),
    [
        (entry("What is it?"), "prepended_tag"),
        (entry(said=1), "coerced_answer"),
        (entry(image="images\\a.jpg"), "backslash_path"),
        (
            {
                "image": "images/a.jpg",
                "conversations": [{"role": "user", "content": "<image>?"}, {"role": "assistant", "content": "b"}],
            },
            "mapped_schema",
        ),
    ],
)
def test_what_has_one_meaning_is_kept_and_the_repair_named(tmp_path, read_all, item, repair):
    assert read_all(Llava(), collection(tmp_path, item))["item 0"].repairs == (repair,)


@pytest.mark.parametrize(
    ("content", "reason"), [('[{"id": "a"', "invalid_json"), ('{"a": 1}', "wrong_type"), ("", "invalid_json")]
)
def test_a_list_that_cannot_be_read_counts_once(tmp_path, read_all, reasons, content, reason):
    root = collection(tmp_path)
    (root / "llava" / "mix.json").write_text(content)
    assert reasons(read_all(Llava(), root)) == {"whole file": reason}


def test_identity_changes_with_a_picture(tmp_path):
    root = collection(tmp_path, entry())
    (first,) = Llava().containers(root)
    (root / "llava" / "images" / "a.jpg").write_bytes(b"other")
    (second,) = Llava().containers(root)
    assert first.identity != second.identity


def test_an_absent_folder_is_named(tmp_path):
    with pytest.raises(ValueError, match="llava"):
        list(Llava().containers(tmp_path))
