import numpy as np
import pytest
from PIL import Image, ImageFilter

from omniforge.pipeline.sources.scenes import COLOURS, RADII, SHAPES, Background, Scene, SceneObject, draw, sample_scene
from omniforge.pipeline.sources.scenes_claims import fulfils
from omniforge.pipeline.sources.scenes_judge import see
from omniforge.pipeline.sources.scenes_language import prompt


def looks(objects):
    return sorted((item.shape, item.colour, item.size) for item in objects)


def noisy(picture, deviation, seed):
    pixels = np.asarray(picture, dtype=float)
    noise = np.random.default_rng(seed).normal(0, deviation, pixels.shape)
    return Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))


def wrong_share(spoil, size=128, scenes=40):
    wrong = 0
    for seed in range(1000, 1000 + scenes):
        scene = sample_scene(seed)
        wrong += looks(see(spoil(draw(scene, size), seed))) != looks(scene.objects)
    return wrong / scenes


@pytest.mark.parametrize("size", [64, 128, 256])
def test_clean_pictures_are_judged_right(size):
    assert wrong_share(lambda picture, seed: picture, size) <= 0.02


def test_a_blur_does_no_harm():
    assert wrong_share(lambda picture, seed: picture.filter(ImageFilter.GaussianBlur(1.5))) <= 0.03


def test_noise_does_no_harm():
    assert wrong_share(lambda picture, seed: noisy(picture, 20, seed)) <= 0.03


def test_a_shift_of_colour_does_no_harm():
    assert wrong_share(lambda picture, seed: picture.point(lambda value: round(0.92 * value + 6))) <= 0.03


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_is_told_in_every_size_and_colour(shape):
    for place, (colour, size) in enumerate((colour, size) for colour in COLOURS for size in RADII):
        item = SceneObject(shape=shape, colour=colour, size=size, centre=(0.3 + 0.013 * place, 0.7 - 0.011 * place))
        (seen,) = see(draw(Scene((item,), Background("stripes", "lavender"))))
        assert (seen.shape, seen.colour, seen.size) == (shape, colour, size)
        assert seen.centre == pytest.approx(item.centre, abs=0.012)


def test_an_empty_picture_holds_nothing_and_a_blot_is_counted():
    assert see(draw(Scene((), Background("checks", "light green")))) == ()
    blot = draw(Scene((), Background("plain", "white")))
    blot.paste((220, 30, 40), (20, 30, 60, 42))
    assert len(see(blot)) == 1


def test_touching_objects_of_two_colours_are_two():
    objects = (
        SceneObject(shape="square", colour="red", size="large", centre=(0.3, 0.5)),
        SceneObject(shape="square", colour="blue", size="large", centre=(0.62, 0.5)),
    )
    assert looks(see(draw(Scene(objects, Background("plain", "white"))))) == looks(objects)


def test_a_picture_fulfils_its_own_request_and_not_that_of_another():
    for seed in range(30):
        scene = sample_scene(seed)
        seen = see(draw(scene))
        assert fulfils(seen, prompt(scene, seed))
        assert not fulfils(seen[1:], prompt(scene, seed))
