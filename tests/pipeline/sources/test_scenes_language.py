import hashlib
import re

from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.scenes import Background, Scene, SceneObject, sample_scene
from omniforge.pipeline.sources.scenes_claims import claims, fulfils
from omniforge.pipeline.sources.scenes_language import captions, prompt
from omniforge.pipeline.sources.scenes_phrases import place

seeds = st.integers(min_value=0, max_value=2**40)


@given(seeds)
def test_everything_a_caption_says_is_true(seed):
    scene = sample_scene(seed)
    for text in captions(scene, seed):
        said = claims(text)
        assert said, text
        assert all(claim.holds(scene.objects) for claim in said), text


@given(seeds)
def test_a_request_asks_for_exactly_the_objects_of_its_scene(seed):
    scene = sample_scene(seed)
    assert fulfils(scene.objects, prompt(scene, seed))


@given(seeds)
def test_backgrounds_are_named_as_they_are(seed):
    scene = sample_scene(seed)
    hints = {"gradient": "gradient|darker", "stripes": "strip", "dots": "dot", "checks": "check"}
    for text in (*captions(scene, seed), prompt(scene, seed)):
        if "background" in text:
            assert scene.background.tint in text.lower()
            named = {pattern for pattern, hint in hints.items() if re.search(hint, text)}
            assert named == {scene.background.pattern} - {"plain"}


@given(seeds)
def test_texts_are_sentences(seed):
    scene = sample_scene(seed)
    for text in (*captions(scene, seed), prompt(scene, seed)):
        assert text[0].isupper()
        assert text[-1] in ".?"
        assert "{" not in text
        assert not re.search(r"\ba [aeio]|\ban [^aeio]|  | \.|\?\.", text, re.IGNORECASE), text


def test_wordings_never_change():
    scenes = [sample_scene(seed) for seed in range(200)]
    texts = repr([captions(scene, seed) for seed, scene in enumerate(scenes)])
    asked = repr([prompt(scene, seed) for seed, scene in enumerate(scenes)])
    assert hashlib.sha256(texts.encode()).hexdigest()[:16] == "304b61275d212249"
    assert hashlib.sha256(asked.encode()).hexdigest()[:16] == "3dd77c3973579c22"


def test_a_thousand_scenes_are_told_in_many_ways():
    told = [(captions(sample_scene(seed), seed), prompt(sample_scene(seed), seed)) for seed in range(1000)]
    assert len({text for texts, _ in told for text in texts}) > 2500
    assert len({asked for _, asked in told}) > 950
    assert len({text.split("{")[0].split()[0] for texts, _ in told for text in texts}) > 15


def test_one_scene_is_told_differently_by_another_seed():
    assert len({text for seed in range(20) for text in captions(sample_scene(3), seed)}) > 40


def test_places_are_named_only_where_they_are_clear():
    def where(x, y):
        return place(SceneObject(shape="star", colour="red", size="small", centre=(x, y)))

    assert where(0.1, 0.2) == "in the top left corner"
    assert where(0.5, 0.5) == "in the middle"
    assert where(0.9, 0.5) == "on the right side"
    assert where(0.5, 0.9) == "at the bottom"
    assert where(0.38, 0.5) is None


def test_a_lone_object_is_named_and_identical_twins_are_counted():
    star = SceneObject(shape="star", colour="orange", size="small", centre=(0.3, 0.3))
    twin = SceneObject(shape="star", colour="orange", size="small", centre=(0.3, 0.7))
    background = Background("plain", "white")
    assert all("star" in text for seed in range(30) for text in captions(Scene((star,), background), seed))
    texts = {text for seed in range(30) for text in captions(Scene((star, twin), background), seed)}
    assert any("two orange stars" in text.lower() for text in texts)
    assert not any(" above " in text or " below " in text for text in texts)
