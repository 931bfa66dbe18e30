from dataclasses import replace
from typing import Any

import pytest
from scene_samples import CONFIG, scene_samples

from omniforge.pipeline.samples import TokenSample
from omniforge.pipeline.sources.scenes_source import Scenes, scene_of
from omniforge.pipeline.sources.scenes_words import sides
from omniforge.pipeline.storage import Store
from omniforge.pipeline.tasks import TASKS_OF_KIND
from omniforge.pipeline.tokenization import Tokenizers, plan_tokenize
from omniforge.schemas.record import Kind


@pytest.fixture(scope="module")
def tokenizers() -> Tokenizers:
    return Tokenizers.load(CONFIG)


@pytest.fixture(scope="module")
def samples(tokenizers: Tokenizers) -> list[TokenSample]:
    return scene_samples(Scenes(count=3, size=64, questions=1, lists=True), tokenizers)


def test_codes_of_a_picture_that_is_shown_tell_what_they_show(samples: list[TokenSample], tokenizers: Tokenizers) -> None:
    seen = [sample for sample in samples if sample.task in ("caption", "vqa")]
    assert len(seen) == 9
    for sample in seen:
        picture = next(span for span in sample.sample.spans if span.modality == "image")
        codes = [named for named in sample.grounding if named[0] >= picture.start]
        positions = [position for position, *_ in codes]
        assert positions == sorted(set(positions))
        assert set(positions) < set(range(picture.start, picture.stop))
        objects = scene_of(sample.record.source_uri).objects
        told = [(item.size, item.colour, item.shape, *sides(item)) for item in objects]
        assert {tuple(ids) for _, *ids in codes} <= {tuple(tokenizers.text.encode(word)[0] for word in one) for one in told}


def test_codes_of_a_picture_to_draw_tell_where_they_are_predicted_what_they_will_show(
    samples: list[TokenSample], tokenizers: Tokenizers
) -> None:
    drawn = [sample for sample in samples if sample.task == "t2i"]
    assert len(drawn) == 6
    for sample in drawn:
        (picture,) = (span for span in sample.sample.spans if span.modality == "image")
        shown = next(other for other in samples if other.task == "caption" and of_scene(other) == of_scene(sample))
        begin = next(span.start for span in shown.sample.spans if span.modality == "image")
        assert [(place - begin, *words) for place, *words in shown.grounding] == [
            (place + 1 - picture.start, *words) for place, *words in sample.grounding
        ]


def test_pictures_to_draw_tell_it_at_their_own_resolution(tokenizers: Tokenizers) -> None:
    finer = replace(CONFIG, generation=128)
    samples = scene_samples(Scenes(count=1, size=64, questions=0, neat=True), tokenizers, finer)
    (drawn,) = (sample for sample in samples if sample.task == "t2i")
    (picture,) = (span for span in drawn.sample.spans if span.modality == "image")
    assert picture.stop - picture.start == 64
    assert max(place for place, *_ in drawn.grounding) - picture.start > 32


def of_scene(sample: TokenSample) -> str:
    uri, _, _ = sample.record.source_uri.rpartition(" ")
    return uri


def test_only_the_tasks_that_are_chosen_for_a_kind_become_samples(tokenizers: Tokenizers) -> None:
    config = replace(CONFIG, tasks={"caption": ("caption",)})
    samples = scene_samples(Scenes(count=1, size=64, questions=0), tokenizers, config)
    every = scene_samples(Scenes(count=1, size=64, questions=0), tokenizers)
    assert {sample.task for sample in every if sample.record.kind == "caption"} == {"t2i", "caption"}
    assert {sample.task for sample in samples if sample.record.kind == "caption"} == {"caption"}
    assert [s.key for s in samples] == [s.key for s in every if s.record.kind != "caption" or s.task == "caption"]


@pytest.mark.parametrize(("kind", "same"), [("asr", True), ("caption", False)])
def test_chosen_tasks_touch_only_units_that_have_such_records(local: Store, toy: Any, kind: Kind, same: bool) -> None:
    dataset = toy.publish_records(local, [toy.record(1, kind="caption")], name="toy-media")
    chosen = replace(CONFIG, tasks={kind: TASKS_OF_KIND[kind][:1]})
    (before,), (after,) = ([unit.id for unit in plan_tokenize(dataset, config, {})] for config in (CONFIG, chosen))
    assert (before == after) is same


@pytest.mark.parametrize("tasks", [{"asr": ("t2i",)}, {"asr": ()}, {"chat": ("chat",)}])
def test_a_task_that_a_kind_does_not_have_is_named_with_those_that_it_has(tasks: dict) -> None:
    with pytest.raises(ValueError, match=r"tokenize.tasks: \w+ is given .*asr: asr, tts"):
        replace(CONFIG, tasks=tasks)
