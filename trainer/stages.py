"""The three stages of training: what each learns from, and what is frozen in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

SPEECH_ENCODER = "model.audio_model"
SPEECH_PROJECTION = "model.audio_projection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stage as it is run.

    Attributes:
        number: 1, 2 or 3.
        weights: Share of each stream in the samples (`mixture.STREAMS`); streams that the data lacks are left out.
        steps: Optimizer steps.
        lr: Peak learning rate.
        frozen: Starts of the names of parameters that stay as they are.
    """

    number: int
    weights: Mapping[str, float]
    steps: int
    lr: float
    frozen: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageConfig:
    """What a configuration changes in a stage; None keeps the stage's own, or for `data`, `steps` and `lr` the run's.

    `data` is another token dataset, its held-out samples included: simpler lessons to begin with, say.
    """

    data: str | None = None
    weights: dict[str, float] | None = None
    steps: int | None = None
    lr: float | None = None
    frozen: tuple[str, ...] | None = None

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


def stage_of(number: int, config: StageConfig, steps: int, lr: float) -> Stage:
    """Resolve a stage: its own nature, then what the configuration changes, `steps` and `lr` being the run's.

    Raises:
        ValueError: There is no such stage.
    """
    if number not in STAGES:
        raise ValueError(f"stages: there is no stage {number}; there are {', '.join(map(str, STAGES))}")
    kind = STAGES[number]
    return Stage(
        number=number,
        weights=kind.weights if config.weights is None else config.weights,
        steps=config.steps or steps,
        lr=config.lr or lr,
        frozen=kind.frozen if config.frozen is None else config.frozen,
    )
