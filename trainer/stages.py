"""The three stages of training and the lessons before them: what each learns from, and what is frozen in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

SPEECH_ENCODER = "model.audio_model"
SPEECH_PROJECTION = "model.audio_projection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage, or a lesson of it, as it is run.

    Attributes:
        number: 1, 2 or 3.
        lesson: Which lesson of the stage, counted from 1; 0 is the stage itself.
        weights: Share of each stream in the samples (`mixture.STREAMS`); streams that the data lacks are left out.
        steps: Optimizer steps.
        lr: Peak learning rate.
        frozen: Starts of the names of parameters that stay as they are.
    """

    number: int
    lesson: int = 0
    weights: Mapping[str, float]
    steps: int
    lr: float
    frozen: tuple[str, ...]

    @property
    def name(self) -> str:
        """How people and folders call it: `1`, or `1/lesson-2`."""
        return f"{self.number}/lesson-{self.lesson}" if self.lesson else str(self.number)

    @property
    def folder(self) -> str:
        """Where its checkpoints and metrics are in the output of a run: `stage-1`, or `stage-1/lesson-2`."""
        return f"stage-{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonConfig:
    """A lesson, taken before its stage: other shares of the streams, its own steps and cosine; None is the stage's own.

    A task that has to look or listen is soon learnt by itself and not in a mixture (docs/embedded-model.md).
    """

    weights: dict[str, float]
    steps: int
    lr: float | None = None

    def __post_init__(self) -> None:
        if self.steps < 1 or (self.lr is not None and self.lr <= 0):
            raise ValueError(f"lesson: steps {self.steps} and lr {self.lr} have to be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageConfig:
    """What a configuration changes in a stage; None keeps the stage's own, or for `data`, `steps` and `lr` the run's.

    `data` is another token dataset, its held-out samples included: simpler scenes to begin with, say. `lessons` are taken one
    after the other before the stage, each from the weights of the one before.
    """

    data: str | None = None
    weights: dict[str, float] | None = None
    steps: int | None = None
    lr: float | None = None
    frozen: tuple[str, ...] | None = None
    lessons: tuple[LessonConfig, ...] = ()

    def __post_init__(self) -> None:
        if (self.steps is not None and self.steps < 1) or (self.lr is not None and self.lr <= 0):
            raise ValueError(f"stage: steps {self.steps} and lr {self.lr} have to be positive")


@dataclass(frozen=True, slots=True, kw_only=True)
class StageKind:
    """What a stage is by itself."""

    weights: Mapping[str, float]
    frozen: tuple[str, ...] = field(default=(SPEECH_ENCODER,))


STAGES: Mapping[int, StageKind] = {
    1: StageKind(
        weights={"t2i": 0.45, "caption": 0.45, "text_chat": 0.1},
        frozen=(SPEECH_ENCODER, SPEECH_PROJECTION),
    ),
    2: StageKind(
        weights={
            "t2i": 0.2,
            "caption": 0.15,
            "vqa": 0.15,
            "asr": 0.2,
            "tts": 0.2,
            "text_chat": 0.05,
            "speech_chat": 0.05,
        },
    ),
    3: StageKind(
        weights={
            "svqa": 0.25,
            "s2i": 0.2,
            "t2i": 0.15,
            "caption": 0.1,
            "vqa": 0.1,
            "asr": 0.075,
            "tts": 0.075,
            "text_chat": 0.025,
            "speech_chat": 0.025,
        },
    ),
}
"""Visual-language pre-alignment; speech-vision-language joint alignment; speech-driven visual interaction (DESIGN section 7).

A stage keeps some of what the ones before it learnt from, so that it is not forgotten. In the first one the projection of the
speech encoder gets no input and stays as it was initialised.
"""


def stage_of(number: int, config: StageConfig, steps: int, lr: float) -> tuple[Stage, ...]:
    """Resolve a stage: its own nature, then what the configuration changes, `steps` and `lr` being the run's.

    Returns:
        Its lessons in their order, and the stage itself last.

    Raises:
        ValueError: There is no such stage.
    """
    if number not in STAGES:
        raise ValueError(f"stages: there is no stage {number}; there are {', '.join(map(str, STAGES))}")
    kind = STAGES[number]
    stage = Stage(
        number=number,
        weights=kind.weights if config.weights is None else config.weights,
        steps=config.steps or steps,
        lr=config.lr or lr,
        frozen=kind.frozen if config.frozen is None else config.frozen,
    )
    lessons = (
        replace(stage, lesson=lesson, weights=one.weights, steps=one.steps, lr=one.lr or stage.lr)
        for lesson, one in enumerate(config.lessons, 1)
    )
    return (*lessons, stage)
