"""What is taken as likeliest and what is drawn, by task."""

import pytest

from omniforge.trainer.generation.presets import default_sampling
from omniforge.trainer.generation.tasks import GenerationTask


@pytest.mark.parametrize("task", ["t2i", "s2i", "inpaint"])
def test_pictures_are_drawn_at_places_in_random_order(task: GenerationTask) -> None:
    config = default_sampling(task)
    assert (config.temperature, config.order, config.top_p) == (0.7, "random", None)


@pytest.mark.parametrize("task", ["caption", "vqa", "asr", "tts", "svqa"])
def test_words_and_speech_are_the_likeliest_tokens_the_surest_first(task: GenerationTask) -> None:
    config = default_sampling(task)
    assert (config.temperature, config.order, config.top_p) == (0.0, "entropy", None)


def test_drawn_words_are_drawn_from_a_nucleus() -> None:
    assert default_sampling("caption", 0.7).top_p == 0.9


def test_a_picture_of_the_likeliest_tokens_is_to_be_had() -> None:
    assert default_sampling("t2i", 0.0).temperature == 0.0
