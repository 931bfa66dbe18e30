"""Which tasks an evaluation consists of, as plain data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from omniforge.trainer.evaluate.bench import Bench
from omniforge.trainer.evaluate.caption_tasks import describe_scenes
from omniforge.trainer.evaluate.picture_tasks import draw_relations, draw_speech, draw_texts, judge_scenes
from omniforge.trainer.evaluate.question_tasks import ALL_TYPES, answer_spoken, answer_written
from omniforge.trainer.evaluate.scores import ScoredItem
from omniforge.trainer.evaluate.speech_tasks import WER, say_sentences, transcribe_sentences

COLOUR_SHAPE = "colour+shape"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class EvaluationTask:
    """One thing that is measured.

    Attributes:
        name: Unique, fit for a file.
        title: For people.
        headline: The measure that stands for the task.
        run: Asks the responder and scores what comes back.
        steps: Forward passes, where the task is a point of a curve over them.
    """

    name: str
    title: str
    headline: str
    run: Callable[[Bench], list[ScoredItem]]
    steps: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """How much better (or worse) a measure is in one task than in another, on the same items."""

    first: str
    second: str
    measure: str


@dataclass(frozen=True, slots=True)
class Curve:
    """A measure over the steps of some tasks, beside the task with the usual number."""

    name: str
    measure: str
    points: tuple[str, ...]
    usual: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """Tasks in the order in which they are run, and what is made of their figures together."""

    name: str
    tasks: tuple[EvaluationTask, ...]
    comparisons: tuple[Comparison, ...]
    curves: tuple[Curve, ...]


def scenes_suite(voices: Sequence[str], steps: Sequence[int]) -> Suite:
    """Return every task of the embedded world of scenes and sentences.

    Args:
        voices: Groups of voices; what is heard is asked by each group, the first one is that of the training.
        steps: Forward passes of the points of the curves.

    Raises:
        ValueError: No group of voices, or steps that are not positive or not distinct.
    """
    if not voices:
        raise ValueError("suite scenes: no voices; give at least one group")
    if len(set(steps)) < len(steps) or any(number < 1 for number in steps):
        raise ValueError(f"suite scenes: steps {', '.join(map(str, steps))}; give different numbers of at least 1")
    first, *_ = voices
    spoken = {group: "" if group == first else f"-{group.replace(' ', '-')}" for group in voices}
    written = [
        EvaluationTask(name="judge", title="The judge on rendered scenes", headline="all", run=judge_scenes),
        EvaluationTask(name="vqa", title="Questions", headline=ALL_TYPES, run=answer_written),
        EvaluationTask(name="caption", title="Captions", headline="all true", run=describe_scenes),
        EvaluationTask(
            name="t2i", title="Text to image", headline=COLOUR_SHAPE, run=partial(draw_texts, steps=None, bounds=True)
        ),
        EvaluationTask(name="t2i-relations", title="Text to image, relations named", headline="relation", run=draw_relations),
        EvaluationTask(name="tts", title="Text to speech", headline=WER, run=partial(say_sentences, steps=None, voices=first)),
    ]
    heard = [
        EvaluationTask(name=f"{name}{suffix}", title=f"{title}, {group}", headline=measure, run=partial(run, voices=group))
        for name, title, measure, run in (
            ("asr", "Speech to text", WER, transcribe_sentences),
            ("svqa", "Spoken questions", ALL_TYPES, answer_spoken),
            ("s2i", "Speech to image", COLOUR_SHAPE, draw_speech),
        )
        for group, suffix in spoken.items()
    ]
    pictures = [_drawn_in(number) for number in sorted(steps)]
    speech = [_said_in(number) for number in sorted(steps)]
    return Suite(
        name="scenes",
        tasks=(*written, *heard, *pictures, *speech),
        comparisons=tuple(
            Comparison(f"{one}{suffix}", other, measure)
            for one, other, measure in (
                ("svqa", "vqa", ALL_TYPES),
                ("s2i", "t2i", COLOUR_SHAPE),
                ("s2i", "t2i", "all"),
            )
            for suffix in spoken.values()
        ),
        curves=(
            Curve("pictures", COLOUR_SHAPE, tuple(task.name for task in pictures), "t2i"),
            Curve("things in pictures", f"{COLOUR_SHAPE} of things", tuple(task.name for task in pictures), "t2i"),
            Curve("speech", WER, tuple(task.name for task in speech), "tts"),
        ),
    )


def _drawn_in(steps: int) -> EvaluationTask:
    run = partial(draw_texts, steps=steps, bounds=False)
    title = f"Text to image in {steps} steps"
    return EvaluationTask(name=f"t2i-steps-{steps}", title=title, headline=COLOUR_SHAPE, run=run, steps=steps)


def _said_in(steps: int) -> EvaluationTask:
    run = partial(say_sentences, steps=steps, voices=None)
    title = f"Text to speech in {steps} steps"
    return EvaluationTask(name=f"tts-steps-{steps}", title=title, headline=WER, run=run, steps=steps)


SUITES: dict[str, Callable[[Sequence[str], Sequence[int]], Suite]] = {"scenes": scenes_suite}
