import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.regions import read_mentions, read_regions, shown_codes, written_mentions, written_regions
from omniforge.pipeline.sources.scenes_source import Scenes
from omniforge.schemas.index import MENTIONS, REGIONS
from omniforge.schemas.record import Mention, Region

EDGES = st.integers(0, 10_000).map(lambda parts: parts / 10_000)
WORDS = st.lists(st.sampled_from(["red", "star", "2", "café"]), min_size=1, max_size=3).map(" ".join)
SOME_REGIONS = st.lists(st.builds(Region, WORDS, st.tuples(EDGES, EDGES, EDGES, EDGES)), min_size=1, max_size=4)


@given(SOME_REGIONS)
def test_regions_are_read_as_they_were_written_and_keep_the_contract_of_their_column(regions: list[Region]) -> None:
    assert re.match(REGIONS, written_regions(regions))
    assert read_regions(written_regions(regions)) == tuple(regions)


@pytest.mark.parametrize("wrong", ["", "star", "star @ 0 0 1", "star @ 0 0 1 2", "@ 0 0 1 1", "star @ 0 0 1 1;", "a @ b"])
def test_what_names_no_regions_breaks_the_contract(wrong: str) -> None:
    assert not re.match(REGIONS, wrong)


SAID = st.lists(st.sampled_from(["red", "star", "2", "café"]), max_size=3).map(tuple)
SOME_MENTIONS = st.lists(st.builds(Mention, st.sampled_from(["big stars", "medium-sized one", "Ü"]), SAID, SAID), min_size=1)


@given(SOME_MENTIONS)
def test_mentions_are_read_as_they_were_written_and_keep_the_contract_of_their_column(mentions: list[Mention]) -> None:
    assert re.match(MENTIONS, written_mentions(mentions))
    assert read_mentions(written_mentions(mentions)) == tuple(mentions)


@pytest.mark.parametrize(
    "wrong", ["", "star", "star = red", "star + red", "= red +", "star = a-b +", "a = b + c;", "a = b + c = d"]
)
def test_what_mentions_nothing_breaks_the_contract(wrong: str) -> None:
    assert not re.match(MENTIONS, wrong)


def test_codes_show_the_box_that_their_centres_lie_in() -> None:
    shown = shown_codes([Region("red star", (0.25, 0.5, 0.75, 1.0))], 64, 64, 64)
    assert {code.index: code.words for code in shown} == dict.fromkeys((9, 10, 13, 14), ("red", "star"))


def test_of_two_boxes_the_smaller_is_shown() -> None:
    inner, outer = Region("eye", (0.5, 0.5, 0.75, 0.75)), Region("cat", (0.0, 0.0, 1.0, 1.0))
    shown = {code.index: code.words for code in shown_codes([inner, outer], 64, 64, 64)}
    assert shown == {index: ("eye",) if index == 10 else ("cat",) for index in range(16)}


def test_a_box_between_the_centres_is_shown_by_the_code_that_it_lies_in() -> None:
    assert [code.index for code in shown_codes([Region("dot", (0.26, 0.26, 0.3, 0.3))], 64, 64, 64)] == [5]


@pytest.mark.parametrize(("width", "height", "box"), [(128, 64, (0.0, 0.0, 0.2, 1.0)), (64, 128, (0.0, 0.8, 1.0, 1.0))])
def test_what_the_crop_takes_away_is_not_shown(width: int, height: int, box: tuple[float, float, float, float]) -> None:
    assert shown_codes([Region("edge", box)], width, height, 64) == ()


def test_a_wide_picture_shows_its_middle() -> None:
    shown = shown_codes([Region("left half", (0.0, 0.0, 0.5, 1.0))], 128, 64, 64)
    assert [code.index for code in shown] == [row * 4 + column for row, column in product(range(4), range(2))]


def test_every_object_of_a_scene_is_shown_by_a_code(tmp_path) -> None:
    source = Scenes(count=60, size=176)
    container = next(source.containers(tmp_path))
    records = [item for item in source.read(tmp_path, container.path, 0, container.records) if item.kind == "caption"]
    assert len(records) == 60
    for record in records:
        regions = read_regions(record.measures["regions"])
        shown = {code.words for code in shown_codes(regions, 176, 176, 176)}
        assert shown == {tuple(region.words.split()) for region in regions}
