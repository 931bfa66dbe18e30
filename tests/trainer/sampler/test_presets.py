import pytest

from omniforge.trainer.sampler.presets import (
    ResponseLength,
    picture_length,
    reference_config,
    speech_length,
    task_config,
    transcript_length,
)


def test_the_reference_filters_to_fifty_tokens_unless_told_otherwise() -> None:
    assert reference_config({}).top_k == 50
    assert reference_config({"top_k": 5}).top_k == 5
    assert reference_config({"top_k": None}).top_k is None
    assert task_config("t2i", steps=10).top_k is None


def test_the_reference_ignores_the_repetition_penalty_of_other_algorithms() -> None:
    assert reference_config({"alg": "entropy", "repeat_penalty": 1.5}).repetition_penalty == 1.0
    assert reference_config({"alg": "entropy-penalty", "repeat_penalty": 1.5}).repetition_penalty == 1.5


def test_a_negative_block_size_is_one_block() -> None:
    assert reference_config({"block_size": -1}).block_size is None
    assert reference_config({"block_size": 8}).block_size == 8


def test_unknown_algorithms_and_tasks_are_named() -> None:
    with pytest.raises(ValueError, match="beam"):
        reference_config({"alg": "beam"})
    with pytest.raises(ValueError, match="poetry"):
        task_config("poetry", steps=3)


def test_task_settings_are_the_published_ones() -> None:
    config = task_config("s2i", steps=260)
    assert (config.repetition_penalty, config.position_penalty, config.guidance) == (1.5, 2.0, 2.0)
    assert not config.reference


def test_lengths_follow_the_evaluation_scripts() -> None:
    assert speech_length(7) == ResponseLength(tokens=24, steps=12)
    assert transcript_length(69) == ResponseLength(tokens=13, steps=6)
    assert picture_length(256).tokens == 260
    assert speech_length(0) == transcript_length(1) == ResponseLength(tokens=1, steps=1)
