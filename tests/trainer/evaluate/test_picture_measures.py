from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge.pipeline.sources.scenes import SceneObject, sample_scene
from omniforge.pipeline.sources.scenes_language import prompt
from omniforge.pipeline.sources.scenes_words import Description
from omniforge.trainer.evaluate.picture_measures import request_measures, scene_measures, things_right, wanted_things

CIRCLE = SceneObject(shape="circle", colour="red", size="small", centre=(0.2, 0.5))
STAR = SceneObject(shape="star", colour="blue", size="large", centre=(0.7, 0.5))
REQUEST = "Draw a small red circle to the left of a large blue star."
seeds = st.integers(0, 2**45)


def right(request, *seen):
    return {name: share[0] / share[1] for name, share in request_measures(request, seen).items()}


@settings(max_examples=40)
@given(seeds)
def test_a_scene_is_all_that_its_request_asks_for(seed):
    scene = sample_scene(seed)
    assert len(wanted_things(prompt(scene, seed))) == len(scene.objects)
    assert set(right(prompt(scene, seed), *scene.objects).values()) == {1.0}
    assert {share[0] / share[1] for share in scene_measures(scene, scene.objects).values()} == {1.0}


@settings(max_examples=40)
@given(seeds)
def test_the_order_of_the_objects_does_not_matter_and_a_missing_one_does(seed):
    scene = sample_scene(seed)
    assert request_measures(prompt(scene, seed), scene.objects) == request_measures(prompt(scene, seed), scene.objects[::-1])
    without = right(prompt(scene, seed), *scene.objects[1:])
    assert without["count"] == without["shape"] == without["all"] == 0.0
    assert without["shape of things"] == (len(scene.objects) - 1) / len(scene.objects)


def test_attributes_are_told_apart():
    green = SceneObject(shape="circle", colour="green", size="small", centre=(0.2, 0.5))
    found = right(REQUEST, green, STAR)
    assert (found["shape"], found["colour"], found["size"], found["count"]) == (1.0, 0.0, 1.0, 1.0)
    assert (found["colour of things"], found["colour+shape of things"]) == (0.5, 0.5)
    assert found["relation"] == found["all"] == 0.0


def test_right_colours_on_the_wrong_shapes_are_not_jointly_right():
    swapped = (
        SceneObject(shape="circle", colour="blue", size="small", centre=(0.2, 0.5)),
        SceneObject(shape="star", colour="red", size="large", centre=(0.7, 0.5)),
    )
    found = right(REQUEST, *swapped)
    assert (found["colour"], found["shape"], found["colour+shape"]) == (1.0, 1.0, 0.0)


def test_a_relation_can_be_wrong_alone():
    found = right(REQUEST.replace("left", "right"), CIRCLE, STAR)
    assert found["relation"] == found["all"] == 0.0
    assert found["colour+shape"] == found["count"] == 1.0


def test_something_too_many_makes_the_picture_wrong_but_not_its_things():
    extra = SceneObject(shape="moon", colour="pink", size="small", centre=(0.4, 0.9))
    found = right(REQUEST, CIRCLE, STAR, extra)
    assert found["count"] == found["colour+shape"] == 0.0
    assert found["colour+shape of things"] == 1.0


def test_what_is_not_asked_for_is_not_measured():
    assert set(request_measures("Draw a circle.", (CIRCLE,))) == {"count", "shape", "shape of things", "all"}
    assert right("Draw a circle.", CIRCLE)["all"] == 1.0


def test_every_thing_needs_an_object_of_its_own():
    things = [Description("circle"), Description("circle", "red")]
    assert things_right(things, [CIRCLE], ("shape", "colour")) == 1
    assert things_right(things, [], ("shape",)) == things_right([], [CIRCLE], ("shape",)) == 0
    blue = SceneObject(shape="circle", colour="blue", size="small", centre=(0.6, 0.5))
    assert things_right(things, [CIRCLE, blue], ("shape", "colour")) == 2
