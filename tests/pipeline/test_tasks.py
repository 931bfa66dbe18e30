from typing import Any

import pytest

from omniforge.pipeline.tasks import TASKS_OF_KIND, Placed, plan_samples
from omniforge.schemas.record import KINDS, Message
from omniforge.schemas.sample import TASKS


def made(toy: Any, kind: str, media: tuple[Any, ...], **changes: Any) -> Any:
    return toy.record(1, kind=kind, media=media, question="what?", answer="a cat", **changes)


def placed(plan: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return plan.pictures, plan.sounds


def test_every_kind_without_a_conversation_of_its_own_has_tasks_that_exist() -> None:
    assert set(TASKS_OF_KIND) == set(KINDS) - {"chat"}
    assert {task for tasks in TASKS_OF_KIND.values() for task in tasks} <= set(TASKS)


def test_a_caption_gives_a_picture_to_draw_and_one_to_describe(toy: Any) -> None:
    plans = {plan.task: placed(plan) for plan in plan_samples(made(toy, "caption", (toy.picture(1),)))}
    assert plans == {
        "t2i": ((Placed("image", "assistant"),), ()),
        "caption": ((Placed("image", "user"),), ()),
    }


def test_speech_with_its_transcript_gives_both_directions(toy: Any) -> None:
    plans = {plan.task: placed(plan) for plan in plan_samples(made(toy, "asr", (toy.sound(1),)))}
    assert plans == {"asr": ((), (Placed("speech", "user"),)), "tts": ((), (Placed("speech", "assistant"),))}


def test_of_the_tasks_of_a_kind_only_those_that_are_wanted_are_made(toy: Any) -> None:
    record = made(toy, "asr", (toy.sound(1),))
    assert [plan.task for plan in plan_samples(record, tasks={"asr": ("asr",)})] == ["asr"]
    assert plan_samples(record, tasks={"caption": ("t2i",)}) == ()


def test_speech_that_is_only_to_be_said_is_not_written_down(toy: Any) -> None:
    assert [plan.task for plan in plan_samples(made(toy, "tts", (toy.sound(1),)))] == ["tts"]


def test_a_spoken_question_about_a_picture_is_asked_and_answered_in_speech(toy: Any) -> None:
    media = (toy.picture(1), toy.sound(1, "question"), toy.sound(2, "answer"))
    (plan,) = plan_samples(made(toy, "svqa", media))
    assert placed(plan) == ((Placed("image", "user"),), (Placed("question", "user"), Placed("answer", "assistant")))


def test_a_spoken_prompt_is_answered_with_a_picture(toy: Any) -> None:
    (plan,) = plan_samples(made(toy, "s2i", (toy.picture(1), toy.sound(1))))
    assert placed(plan) == ((Placed("image", "assistant"),), (Placed("speech", "user"),))


@pytest.mark.parametrize("kind", TASKS_OF_KIND)
def test_a_record_without_media_gives_no_sample(toy: Any, kind: str) -> None:
    assert plan_samples(made(toy, kind, ())) == ()


def test_a_conversation_keeps_its_wording_and_gives_one_sample(toy: Any) -> None:
    messages = (
        Message("user", "<|image|><|image|> and <|audio|>"),
        Message("assistant", "two cats"),
        Message("user", "draw"),
        Message("assistant", "<|image|>"),
    )
    media = (toy.picture(1), toy.picture(2, "image2"), toy.sound(1), toy.picture(3, "image3"))
    (plan,) = plan_samples(made(toy, "chat", media, messages=messages))
    assert plan.messages == messages
    assert plan.pictures == (Placed("image", "user"), Placed("image2", "user"), Placed("image3", "assistant"))
    assert plan.sounds == (Placed("speech", "user"),)


@pytest.mark.parametrize("kind", TASKS_OF_KIND)
def test_the_wording_is_drawn_by_the_key_alone(toy: Any, kind: str) -> None:
    media = (toy.picture(1), toy.sound(1, "question"), toy.sound(2, "answer"))
    record = made(toy, kind, media)
    assert plan_samples(record) == plan_samples(record)
    assert all(plan.task in TASKS for plan in plan_samples(record))


def test_instructions_vary_over_records(toy: Any) -> None:
    wordings = {plan_samples(toy.record(number))[1].messages[0].content for number in range(60)}
    assert len(wordings) > 3
