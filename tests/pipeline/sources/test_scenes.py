import hashlib
from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.scenes import (
    COLOURS,
    GAP,
    MOST_OBJECTS,
    PATTERNS,
    RADII,
    SHAPES,
    TINTS,
    Background,
    Scene,
    SceneObject,
    draw,
    overlap,
    relation,
    render,
    sample_scene,
)

OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}

AVERAGES = {
    0: "dee0e49dc9a8cddad4dee0e4dee0e4a2cbadd6ddddb1d0badee0e4aecfb8dddecee4debadee0e4dee0e4e6dda9e9dc94",
    7: "d2e3f6abd4cbd2e3f6d2e3f6cedff2bed9e0cedff2cedef194c7b285d4dbb6d9e7bcbcdec7d7e9a9d5e2b4d1dfc0cad8",
    41: "e4dbf3e3cbe3e4dbf4dfd7efe0d7f0c1aec2e0d7f0b8b1c4c1ccd1b5aec1d5c9e6dcd4ebd8d0e7d8d0e7bda0d5d8d0e7",
}
"""RGB averages over a grid of 4 x 4 fields, by seed."""

seeds = st.integers(min_value=0, max_value=2**40)


def at(x, y, **looks):
    return SceneObject(**{"shape": "circle", "colour": "red", "size": "small", "centre": (x, y), **looks})


@given(seeds)
def test_objects_lie_inside_the_picture_and_apart_from_each_other(seed):
    scene = sample_scene(seed)
    assert 1 <= len(scene.objects) <= MOST_OBJECTS
    for item in scene.objects:
        assert all(item.radius <= part <= 1 - item.radius for part in item.centre)
    assert not any(overlap(one, other, GAP) for one, other in combinations(scene.objects, 2))


@given(seeds)
def test_every_pair_has_one_clear_relation_and_the_opposite_the_other_way(seed):
    for one, other in combinations(sample_scene(seed).objects, 2):
        where = relation(one, other)
        assert where is not None
        assert relation(other, one) == OPPOSITE[where]


def test_relations_are_told_from_the_dominant_axis():
    middle = at(0.5, 0.5)
    assert relation(at(0.2, 0.45), middle) == "left of"
    assert relation(at(0.9, 0.6), middle) == "right of"
    assert relation(at(0.55, 0.1), middle) == "above"
    assert relation(at(0.4, 0.8), middle) == "below"
    assert relation(at(0.7, 0.7), middle) is None
    assert relation(middle, middle) is None


def test_scenes_never_change():
    scenes = repr([sample_scene(seed) for seed in range(200)])
    assert hashlib.sha256(scenes.encode()).hexdigest()[:16] == "179fa10c905b0c48"


@pytest.mark.parametrize(("seed", "averages"), AVERAGES.items())
def test_pictures_never_change_visibly(seed, averages):
    expected = np.frombuffer(bytes.fromhex(averages), dtype=np.uint8).astype(int)
    seen = np.frombuffer(render(seed, 64).reduce(16).tobytes(), dtype=np.uint8).astype(int)
    assert np.abs(seen - expected).max() <= 2


def test_the_same_seed_gives_the_same_pixels():
    assert render(5, 96).tobytes() == render(5, 96).tobytes() == draw(sample_scene(5), 96).tobytes()


def test_every_shape_colour_size_pattern_tint_and_number_occurs():
    scenes = [sample_scene(seed) for seed in range(600)]
    objects = [item for scene in scenes for item in scene.objects]
    assert {item.shape for item in objects} == set(SHAPES)
    assert {item.colour for item in objects} == set(COLOURS)
    assert {item.size for item in objects} == set(RADII)
    assert {scene.background.pattern for scene in scenes} == set(PATTERNS)
    assert {scene.background.tint for scene in scenes} == set(TINTS)
    assert min(Counter(len(scene.objects) for scene in scenes).values()) > 80


def test_scenes_differ():
    assert len({sample_scene(seed) for seed in range(1000)}) == 1000


def test_colours_lie_far_apart():
    far = [*COLOURS.values(), (252, 252, 250), (222, 224, 228)]
    assert min(np.linalg.norm(np.subtract(one, other)) for one, other in combinations(far, 2)) > 35
    assert min(np.linalg.norm(np.subtract(colour, tint)) for colour in COLOURS.values() for tint in TINTS.values()) > 100


@pytest.mark.parametrize("size", [64, 128, 256])
@pytest.mark.parametrize("shape", SHAPES)
def test_an_object_fills_its_place_and_nothing_outside_it_is_touched(shape, size):
    empty = Scene((), Background("checks", "cream"))
    item = at(0.4, 0.55, shape=shape, size="large", colour="blue")
    difference = np.asarray(draw(empty, size)) != np.asarray(draw(Scene((item,), empty.background), size))
    rows, columns = (np.flatnonzero(difference.any(2).any(axis)) for axis in (1, 0))
    for touched, middle in ((columns, 0.4), (rows, 0.55)):
        assert (touched[0] + touched[-1] + 1) / 2 / size == pytest.approx(middle, abs=0.015)
    longer = max(rows[-1] - rows[0], columns[-1] - columns[0]) + 1
    assert longer / 2 / size == pytest.approx(RADII["large"], rel=0.13)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_backgrounds_stay_close_to_their_tint(pattern):
    for tint, colour in TINTS.items():
        picture = np.asarray(draw(Scene((), Background(pattern, tint)), 64), dtype=int)
        assert np.abs(picture - colour).max() <= 0.071 * 255
        assert (len(np.unique(picture.reshape(-1, 3), axis=0)) == 1) == (pattern == "plain")


def test_edges_are_smooth():
    picture = draw(Scene((at(0.5, 0.5, size="large"),), Background("plain", "white")), 64)
    assert len(picture.getcolors(10_000)) > 5
