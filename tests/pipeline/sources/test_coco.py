import json

import pytest

from omniforge.pipeline.sources.coco import Coco


def collection(root, annotations=(), questions=(), answers=()):
    (root / "coco" / "images").mkdir(parents=True, exist_ok=True)
    (root / "coco" / "images" / "1.jpg").write_bytes(b"one")
    write(
        root,
        "captions.json",
        {
            "images": [{"id": 1, "file_name": "1.jpg", "license": 4}, {"id": 2, "file_name": "gone.jpg", "license": 9}],
            "licenses": [{"id": 4, "name": "Attribution License"}],
            "annotations": list(annotations),
        },
    )
    write(root, "vqa_questions.json", {"questions": list(questions)})
    write(root, "vqa_annotations.json", {"annotations": list(answers)})
    return root


def write(root, name, value):
    (root / "coco" / name).write_text(json.dumps(value))


def caption(number, text="A cat.", image=1, **fields):
    return {"id": number, "image_id": image, "caption": text, **fields}


def question(number, text="Is it?", image=1):
    return {"question_id": number, "image_id": image, "question": text}


def answer(number, chosen="yes", given=("yes",)):
    return {"question_id": number, "multiple_choice_answer": chosen, "answers": [{"answer": words} for words in given]}


CAPTIONS = Coco(questions=None, annotations=None)


def test_a_caption_is_read_with_its_picture_and_the_picture_s_licence(tmp_path, read_all):
    record = read_all(CAPTIONS, collection(tmp_path, [caption(7)]))["7"]
    assert record.source_uri == "coco/captions.json#7"
    assert (record.kind, record.text, record.license) == ("caption", "A cat.", "Attribution License")
    assert [(medium.role, medium.data) for medium in record.media] == [("image", b"one")]


@pytest.mark.parametrize(
    ("entry", "name", "reason"),
    [
        (caption(8, image=99), "8@1", "unknown_image_id"),
        (caption(8, text=" "), "8@1", "empty_caption"),
        (caption(8, text=["a"]), "8@1", "wrong_type"),
        (caption(8, text="\ud83d"), "8@1", "invalid_unicode"),
        (caption(8, image=[1]), "8@1", "wrong_type"),
        ({"id": 8, "image_id": 1}, "8@1", "missing_field"),
        ({"id": 8, "caption": "A cat."}, "8@1", "missing_field"),
        ({"image_id": 1, "caption": "A cat."}, "@1", "missing_field"),
        (caption([1]), "@1", "wrong_type"),
        ("text", "@1", "wrong_type"),
        (caption(7), "7@1", "duplicate_record"),
        (caption(7, text="Another."), "7@1", "duplicate_id"),
        (caption(8, image="1"), "8@1", None),
    ],
)
def test_an_odd_entry_is_named_by_its_position_and_so_are_those_after_it(tmp_path, read_all, reasons, entry, name, reason):
    root = collection(tmp_path, [caption(7), entry, caption(9)])
    assert reasons(read_all(CAPTIONS, root)) == {"7": None, name: reason, "9@2": None}


def test_an_absent_picture_renames_nothing(tmp_path, read_all, reasons):
    root = collection(tmp_path, [caption(7, image=2), caption(8)])
    assert reasons(read_all(CAPTIONS, root)) == {"7": "missing_media", "8": None}


def test_a_picture_id_of_digits_is_repaired(tmp_path, read_all):
    assert read_all(CAPTIONS, collection(tmp_path, [caption(7, image="1")]))["7@0"].repairs == ("coerced_image_id",)


def test_a_key_named_twice_refuses_its_entry_alone(tmp_path, read_all, reasons):
    root = collection(tmp_path, [caption(7), caption(8)])
    file = root / "coco" / "captions.json"
    file.write_text(file.read_text().replace('"id": 8', '"id": 8, "id": 8'))
    assert reasons(read_all(CAPTIONS, root)) == {"7": None, "8@1": "duplicate_json_key"}


@pytest.mark.parametrize(
    ("content", "reason"), [("{", "invalid_json"), ("[]", "wrong_type"), ('{"annotations": 3}', "wrong_type")]
)
def test_a_file_that_cannot_be_read_counts_once(tmp_path, read_all, reasons, content, reason):
    root = collection(tmp_path)
    (root / "coco" / "captions.json").write_text(content)
    assert reasons(read_all(CAPTIONS, root)) == {"whole file": reason}


def test_a_question_is_read_with_the_answer_of_most(tmp_path, read_all):
    given = ["yes", "Yes", "no", "yes ", "maybe"]
    record = read_all(Coco(), collection(tmp_path, [], [question(5)], [answer(5, "yes", given)]))["5"]
    assert (record.kind, record.question, record.answer) == ("vqa", "Is it?", "yes")


@pytest.mark.parametrize(
    ("asked", "answered", "reason"),
    [
        (question(6, text=""), answer(6), "empty_question"),
        (question(6, image=9), answer(6), "unknown_image_id"),
        (question(6), answer(6, "", ()), "missing_answer"),
        (question(6), answer(6, 3), "wrong_type"),
        (question(6), answer(77), "missing_answer"),
        (question(5), answer(6), "duplicate_record"),
    ],
)
def test_a_broken_question_is_refused_in_its_place(tmp_path, read_all, reasons, asked, answered, reason):
    root = collection(tmp_path, [], [question(5), asked], [answer(5), answered])
    found = reasons(read_all(Coco(), root))
    assert (found["5"], found[f"{asked['question_id']}@1"]) == (None, reason)


@pytest.mark.parametrize(("needed", "reason"), [(0.2, "no_consensus"), (0.1, None)])
def test_agreement_is_the_share_of_those_asked(tmp_path, read_all, reasons, needed, reason):
    root = collection(tmp_path, [], [question(5)], [answer(5, "1", [str(number) for number in range(10)])])
    assert reasons(read_all(Coco(min_agreement=needed), root)) == {"5": reason}


def test_an_answer_without_a_question_is_a_record_of_the_answers_file(tmp_path, read_all, reasons):
    root = collection(tmp_path, [], [question(5)], [answer(5), answer(6), {"question_id": [1]}])
    items = read_all(Coco(), root)
    assert reasons(items) == {"5": None, "6@1": "missing_question", "@2": "missing_question"}
    assert items["6@1"].source_uri == "coco/vqa_annotations.json#6@1"


def test_identity_follows_only_what_is_read_together(tmp_path):
    def identities():
        return {container.path: container.identity for container in Coco().containers(tmp_path)}

    collection(tmp_path, [caption(7)], [question(5)], [answer(5)])
    first = identities()
    write(tmp_path, "vqa_annotations.json", {"annotations": [answer(5, "no", ["no"])]})
    second = identities()
    assert first["coco/captions.json"] == second["coco/captions.json"]
    assert first["coco/vqa_questions.json"] != second["coco/vqa_questions.json"]
    (tmp_path / "coco" / "images" / "1.jpg").write_bytes(b"other")
    third = identities()
    assert all(third[path] != second[path] for path in second)


def test_what_is_absent_or_out_of_range_is_named(tmp_path):
    with pytest.raises(ValueError, match="coco/images"):
        list(Coco().containers(tmp_path))
    collection(tmp_path)
    with pytest.raises(ValueError, match=r"coco/train\.json"):
        list(Coco(captions="train.json").containers(tmp_path))
    with pytest.raises(ValueError, match="belong together"):
        Coco(questions=None)
    with pytest.raises(ValueError, match="min_agreement"):
        Coco(min_agreement=20)
