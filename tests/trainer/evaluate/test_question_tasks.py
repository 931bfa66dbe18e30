from collections import Counter

import pytest

from omniforge.pipeline.sources.scenes import sample_scene
from omniforge.pipeline.sources.scenes_questions import QUESTION_TYPES, questions
from omniforge.pipeline.sources.scenes_source import scene_seed
from omniforge.trainer.evaluate.question_tasks import normalised_answer
from omniforge.trainer.evaluate.unseen import majority_answers


@pytest.mark.parametrize(
    ("written", "meant"),
    [("Red.", "red"), (" the  red", "red"), ("2", "two"), ("A star!", "star"), ("yes", "yes"), ("the", "the")],
)
def test_what_is_forgiven(written, meant):
    assert normalised_answer(written) == meant


@pytest.mark.parametrize(("written", "right"), [("two stars", "two"), ("on the left", "left"), ("", "no"), ("red red", "red")])
def test_what_is_not(written, right):
    assert normalised_answer(written) != normalised_answer(right)


def test_the_baseline_has_an_answer_to_every_type_and_it_is_the_most_frequent():
    given = {kind: Counter() for kind in QUESTION_TYPES}
    for seed in (scene_seed("train", number) for number in range(300)):
        for question in questions(sample_scene(seed), seed):
            given[question.type][question.answer] += 1
    answers = majority_answers(300)
    assert set(answers) == set(QUESTION_TYPES)
    for kind, counts in given.items():
        ((_, most),) = counts.most_common(1)
        assert counts[answers[kind]] == most
