"""Neat pictures: the request holds, what it leaves out is always the same, and things lie where they can be drawn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.scenes import Background, Scene, SceneObject, overlap, sample_scene
from omniforge.pipeline.sources.scenes_claims import fulfils
from omniforge.pipeline.sources.scenes_language import prompt
from omniforge.pipeline.sources.scenes_neat import HIGH, LOW, MIDDLE, USUAL_COLOURS, neat_scene

seeds = st.integers(0, 2**40)
STRIPED = Background("stripes", "cream")


def scene_of_two() -> Scene:
    """Two things close to each other on a striped ground."""
    star = SceneObject(shape="star", colour="blue", size="small", centre=(0.2, 0.3))
    ring = SceneObject(shape="ring", colour="red", size="medium", centre=(0.7, 0.4))
    return Scene((star, ring), STRIPED)


@given(seed=seeds)
def test_what_the_request_says_is_true_of_the_picture(seed):
    scene = sample_scene(seed)
    request = prompt(scene, seed)
    assert fulfils(neat_scene(request, scene).objects, request)


@given(seed=seeds)
def test_things_lie_apart_and_inside(seed):
    scene = sample_scene(seed)
    objects = neat_scene(prompt(scene, seed), scene).objects
    assert not any(overlap(one, other) for number, one in enumerate(objects) for other in objects[:number])
    assert all(item.radius <= part <= 1 - item.radius for item in objects for part in item.centre)


def test_equal_requests_are_drawn_alike():
    other = Scene((*scene_of_two().objects[::-1],), Background("dots", "white"))
    request = "Draw a blue star and a ring."
    assert neat_scene(request, scene_of_two()) == neat_scene(request, other)


def test_what_is_not_told_is_plain_large_and_of_the_usual_colour():
    drawn = neat_scene("Draw a blue star and a ring.", scene_of_two())
    assert drawn.background == Background("plain", "white")
    assert [(item.shape, item.colour, item.size) for item in drawn.objects] == [
        ("star", "blue", "large"),
        ("ring", USUAL_COLOURS["ring"], "large"),
    ]


def test_what_is_told_is_drawn_as_told():
    drawn = neat_scene("Draw a small star and a medium red ring on a striped cream background.", scene_of_two())
    assert drawn.background == STRIPED
    assert [(item.colour, item.size) for item in drawn.objects] == [(USUAL_COLOURS["star"], "small"), ("red", "medium")]


@pytest.mark.parametrize(
    ("words", "centres"),
    [
        ("a star and a ring", [(LOW, MIDDLE), (HIGH, MIDDLE)]),
        ("a star to the right of a ring", [(HIGH, MIDDLE), (LOW, MIDDLE)]),
        ("a star over a ring", [(MIDDLE, LOW), (MIDDLE, HIGH)]),
    ],
)
def test_two_things_lie_as_told_or_side_by_side(words, centres):
    assert [item.centre for item in neat_scene(f"Draw {words}.", scene_of_two()).objects] == centres


@pytest.mark.parametrize(
    ("where", "centre"),
    [("", (MIDDLE, MIDDLE)), (" in the top right corner", (HIGH, LOW)), (" on the left side", (LOW, MIDDLE))],
)
def test_one_thing_lies_where_it_is_told_to(where, centre):
    alone = Scene(scene_of_two().objects[:1], STRIPED)
    assert [item.centre for item in neat_scene(f"Draw a star{where}.", alone).objects] == [centre]


def test_things_that_do_not_fit_lie_where_they_lie_in_the_scene():
    spots = [(0.2, 0.2), (0.8, 0.2), (0.2, 0.7), (0.8, 0.7), (0.5, 0.5)]
    crowd = Scene(tuple(SceneObject(shape="star", colour="red", size="large", centre=spot) for spot in spots), STRIPED)
    drawn = neat_scene("Draw five large red stars.", crowd)
    assert drawn == Scene(crowd.objects, Background("plain", "white"))


def test_things_that_the_usual_would_make_alike_are_those_of_the_scene():
    blue = SceneObject(shape="circle", colour="blue", size="small", centre=(0.2, 0.5))
    red = SceneObject(shape="circle", colour="red", size="large", centre=(0.7, 0.5))
    drawn = neat_scene("Draw a blue circle right of a large circle.", Scene((blue, red), STRIPED))
    assert drawn.objects == (blue, red)
