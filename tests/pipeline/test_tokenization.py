from dataclasses import replace

import pytest
from scene_samples import CONFIG, scene_samples

from omniforge.pipeline.samples import TokenSample
from omniforge.pipeline.sources.scenes_source import Scenes, scene_of
from omniforge.pipeline.tokenization import Tokenizers


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
        looks = {tuple(tokenizers.text.encode(word)[0] for word in (item.size, item.colour, item.shape)) for item in objects}
        assert {tuple(words) for _, *words in codes} <= looks


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
