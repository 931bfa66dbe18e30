import io
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from omniforge.pipeline.filters.check import CheckConfig, check
from omniforge.pipeline.sources.formats import FORMATS
from omniforge.pipeline.sources.scenes import draw, sample_scene
from omniforge.pipeline.sources.scenes_claims import fulfils
from omniforge.pipeline.sources.scenes_language import prompt
from omniforge.pipeline.sources.scenes_questions import ask_discreetly
from omniforge.pipeline.sources.scenes_source import Scenes, is_held_out, scene_of, scene_seed
from omniforge.pipeline.tasks import plan_samples
from omniforge.schemas.record import Record, record_key
from omniforge.tokenizers.instructions import INSTRUCTIONS

NOWHERE = Path("there/is/no/such/folder")


def whole(corpus):
    return [
        record
        for container in corpus.containers(NOWHERE)
        for record in corpus.read(NOWHERE, container.path, 0, container.records)
    ]


def records_of(corpus):
    records = [check(record, corpus="scenes", config=CheckConfig()) for record in whole(corpus)]
    assert all(isinstance(record, Record) for record in records)
    return records


def test_a_scene_gives_a_caption_questions_and_a_request_with_one_picture():
    corpus = Scenes(count=1, questions=3)
    records = whole(corpus)
    assert [record.kind for record in records] == ["caption", "vqa", "vqa", "vqa", "prompt"]
    assert len(records) == corpus.records_per_scene
    assert len({record.media[0].data for record in records}) == 1
    caption, question, request = records[0], records[1], records[-1]
    assert caption.text
    assert caption.question is None
    assert question.question
    assert question.answer
    assert question.text is None
    assert fulfils(sample_scene(0).objects, request.text)
    assert {(record.language, record.license, record.split) for record in records} == {("en", "CC0-1.0", "train")}


def test_questions_can_be_one_conversation_with_the_picture_in_its_first_turn():
    together = whole(Scenes(count=3, questions=5, conversation=True))
    assert [record.kind for record in together] == ["caption", "chat", "prompt"] * 3
    assert len({record.source_uri for record in together}) == 9
    for record in together[1::3]:
        turns = [message.content for message in record.messages]
        assert ["<|image|>" in turn for turn in turns] == [True, *[False] * (len(turns) - 1)]
        assert [message.role for message in record.messages] == ["user", "assistant"] * (len(turns) // 2)
        asked = ask_discreetly(scene_of(record.source_uri), 0, 5) if record.source_uri.endswith("#0 conversation") else ()
        told = zip(turns[::2], turns[1::2], strict=True)
        assert not asked or [(one.removesuffix("\n<|image|>"), two) for one, two in told] == [
            (question.question, question.answer) for question in asked
        ]
    kept = check(together[1], corpus="scenes", config=CheckConfig())
    assert isinstance(kept, Record)
    assert [plan.task for plan in plan_samples(kept)] == ["vqa"]


def test_scenes_of_many_objects_can_be_left_out():
    few, every = (Scenes(count=300, size=32, questions=1, most_objects=most) for most in (1, 5))
    alone = [record for record in whole(every) if len(scene_of(record.source_uri).objects) == 1]
    assert whole(few) == alone
    assert 3 * 40 < len(alone) < 3 * 80
    assert sum(container.records for container in few.containers(NOWHERE)) == len(alone)


def test_a_list_tells_everything_from_left_to_right():
    corpus = Scenes(count=40, size=32, questions=0, prompts=False, lists=True)
    records = whole(corpus)
    assert [record.kind for record in records] == ["caption", "chat"] * 40
    assert len(records) == 40 * corpus.records_per_scene
    for record in records[1::2]:
        question, answer = record.messages
        told = [tuple(each.split(" ")) for each in answer.content.split(", ")]
        objects = sorted(scene_of(record.source_uri).objects, key=lambda item: item.centre[0])
        assert told == [(item.size, item.colour, item.shape) for item in objects]
        assert re.search(r"left to right.*\n<\|image\|>$", question.content)
        assert record.source_uri.endswith(" list")


def test_a_container_of_which_every_scene_is_left_out_is_none():
    seeds = [seed for seed in range(50) if not is_held_out(seed)]
    crowded = next(number for number, seed in enumerate(seeds) if len(sample_scene(seed).objects) > 1)
    assert list(Scenes(count=1, seed=crowded, most_objects=1).containers(NOWHERE)) == []


def test_there_are_no_scenes_without_objects():
    with pytest.raises(ValueError, match=r"most_objects is 0; scenes have 1 to 5 objects"):
        Scenes(count=1, most_objects=0)


def test_questions_of_some_types_alone_are_those_of_the_same_name_elsewhere():
    asked = {record.source_uri: record for record in whole(Scenes(count=30, questions=3, types=("colour", "count"), size=32))}
    names = {uri.rpartition("#")[2].split(" ", 1)[1] for uri, record in asked.items() if record.kind == "vqa"}
    assert names <= {"colour", "colour 2", "colour 3", "count", "count 2", "count 3"}
    everything = {record.source_uri: record for record in whole(Scenes(count=30, questions=12, size=32))}
    shared = asked.keys() & everything.keys()
    assert len(shared) > 100
    assert all(asked[uri] == everything[uri] for uri in shared)


def test_a_conversation_without_questions_is_no_record():
    assert [record.kind for record in whole(Scenes(count=1, questions=0, conversation=True))] == ["caption", "prompt"]


def test_requests_and_questions_can_be_left_out():
    assert [record.kind for record in whole(Scenes(count=2, questions=0, prompts=False))] == ["caption", "caption"]


def test_containers_count_their_records_and_uris_are_unique():
    corpus = Scenes(count=300, questions=1, prompts=False, size=32)
    containers = list(corpus.containers(NOWHERE))
    assert [container.path for container in containers] == ["scenes/train/00000", "scenes/train/00001"]
    assert [container.records for container in containers] == [512, 88]
    records = whole(corpus)
    assert len(records) == 600
    assert len({record_key("scenes", record.source_uri) for record in records}) == 600


def test_a_range_is_the_same_as_that_part_of_the_whole():
    corpus = Scenes(count=6, size=32)
    records = whole(corpus)
    for start in range(0, 37, 5):
        for stop in range(start, 37, 7):
            assert list(corpus.read(NOWHERE, "scenes/train/00000", start, stop)) == records[start:stop]


def test_more_scenes_change_no_full_container():
    few, many = (list(Scenes(count=count).containers(NOWHERE)) for count in (512, 700))
    assert many[:2] == few
    assert many[2].records == 188 * 6
    assert repr(Scenes(count=512)) == repr(Scenes(count=700)) == repr(Scenes(count=512, types=("colour",)))


def test_what_changes_the_records_changes_the_identity():
    def identity(**options):
        return next(Scenes(**{"count": 10, **options}).containers(NOWHERE)).identity

    others = [{"count": 11}, {"seed": 1}, {"size": 64}, {"split": "test"}, {"questions": 2}, {"prompts": False}]
    others += [{"types": ("colour",)}, {"types": ("colour", "shape")}, {"most_objects": 4}, {"lists": True}, {"neat": True}]
    assert len({identity(), *(identity(**other) for other in others)}) == 12


def test_a_later_beginning_continues_the_same_corpus():
    all_records = {record.source_uri: record for record in whole(Scenes(count=20, size=32))}
    later = whole(Scenes(count=12, seed=8, size=32))
    assert all(all_records[record.source_uri] == record for record in later)
    assert len(later) == 12 * 6


@given(st.integers(min_value=0, max_value=10**9), st.integers(min_value=0, max_value=10**9))
def test_no_scene_is_in_both_splits(number, other):
    assert not is_held_out(scene_seed("train", number))
    assert is_held_out(scene_seed("test", other))


def test_the_splits_together_hold_every_scene_once():
    train = [scene_seed("train", number) for number in range(90)]
    test = [scene_seed("test", number) for number in range(10)]
    assert sorted(train + test) == list(range(100))


def test_neat_requests_have_a_picture_of_what_they_say():
    records = whole(Scenes(count=3, questions=1, neat=True))
    (request,) = {record.text for record in records if record.source_uri == "scenes/train/00000#1 neat prompt"}
    assert request == prompt(sample_scene(1), 1)
    pictures = {record.media[0].data for record in records if "#1 " in record.source_uri}
    assert len(pictures) == 2


def test_beside_neat_requests_captions_are_not_drawn():
    samples = [plan for record in records_of(Scenes(count=3, questions=0, neat=True)) for plan in plan_samples(record)]
    assert [plan.task for plan in samples] == ["caption", "t2i"] * 3


def test_a_caption_beside_neat_requests_is_asked_for_as_others_are():
    def messages(neat):
        (record, *_) = records_of(Scenes(count=1, questions=0, neat=neat))
        return next(plan.messages for plan in plan_samples(record) if plan.task == "caption")

    (user, assistant), (other, told) = messages(neat=True), messages(neat=False)
    assert assistant == told
    assert {user.content, other.content} <= {f"{wording}\n<|image|>" for wording in INSTRUCTIONS["caption"]}


@pytest.mark.parametrize("neat", [False, True])
def test_the_truth_about_a_record_is_found_by_its_uri(neat):
    for record in whole(Scenes(count=3, split="test", neat=neat)):
        picture = Image.open(io.BytesIO(record.media[0].data))
        assert picture.tobytes() == draw(scene_of(record.source_uri), 128).tobytes()
        assert record.split == "test"


@pytest.mark.parametrize("uri", ["wds/00000.tar#17", "scenes/train/00000", "scenes/train/00000#x caption"])
def test_a_uri_of_another_corpus_is_an_error_that_shows_one(uri):
    with pytest.raises(ValueError, match="scenes/train/00000#17 caption"):
        scene_of(uri)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "at least 1"),
        ({"count": 1, "seed": -1}, "0 or above"),
        ({"count": 1, "size": 8}, "32 to 2048"),
        ({"count": 1, "split": "dev"}, "train or test"),
        ({"count": 1, "questions": 99}, "0 to 12"),
        ({"count": 1, "types": ()}, "types are none; choose from exist, count"),
        ({"count": 1, "types": ("colour", "colour")}, "each once"),
        ({"count": 1, "types": ("color",)}, "types are color; choose from exist, count"),
    ],
)
def test_a_number_out_of_range_is_an_error_that_names_the_range(options, message):
    with pytest.raises(ValueError, match=message):
        Scenes(**options)


def test_a_container_of_the_other_split_is_an_error():
    with pytest.raises(ValueError, match="scenes/train/00000"):
        next(Scenes(count=1).read(NOWHERE, "scenes/test/00000", 0, 1))


def test_every_record_passes_the_checks_of_a_pull():
    for record in whole(Scenes(count=25, size=64)):
        assert isinstance(check(record, corpus="scenes", config=CheckConfig()), Record)


def test_the_format_has_a_name():
    assert FORMATS["scenes"] is Scenes
