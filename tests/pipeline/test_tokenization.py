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


def test_a_picture_to_draw_tells_nothing(samples: list[TokenSample]) -> None:
    drawn = [sample for sample in samples if sample.task == "t2i"]
    assert len(drawn) == 6
    assert not any(sample.grounding for sample in drawn)
