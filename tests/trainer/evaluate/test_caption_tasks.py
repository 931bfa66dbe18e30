from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge.pipeline.sources.scenes import Background, Scene, SceneObject, sample_scene
from omniforge.pipeline.sources.scenes_language import captions
from omniforge.trainer.evaluate.caption_tasks import caption_measures

SCENE = Scene(
    (
        SceneObject(shape="circle", colour="red", size="small", centre=(0.2, 0.5)),
        SceneObject(shape="star", colour="blue", size="large", centre=(0.7, 0.5)),
    ),
    Background("plain", "white"),
)


@settings(max_examples=40)
@given(st.integers(0, 2**45))
def test_true_captions_are_true(seed):
    scene = sample_scene(seed)
    for caption in captions(scene, seed):
        measures = caption_measures(caption, scene)
        assert measures["all true"] == measures["says something"] == (1.0, 1.0)
        assert measures["claims true"][0] == measures["claims true"][1] > 0


def test_a_false_claim_is_counted_and_spoils_the_caption():
    measures = caption_measures("There is a red circle and a green star.", SCENE)
    assert measures["claims true"] == (1.0, 2.0)
    assert measures["all true"] == (0.0, 1.0)
    assert measures["objects told"] == (1.0, 2.0)


def test_half_of_the_objects_may_be_told_without_an_error():
    measures = caption_measures("A blue star.", SCENE)
    assert measures["all true"] == (1.0, 1.0)
    assert measures["objects told"] == (1.0, 2.0)


def test_words_without_a_claim_are_no_true_caption():
    measures = caption_measures("the the background of", SCENE)
    assert measures["all true"] == measures["says something"] == (0.0, 1.0)
    assert measures["claims true"] == (0.0, 0.0)
