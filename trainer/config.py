"""All that can be set for a training run."""

import math
from dataclasses import dataclass, field, fields
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from omniforge.trainer.loader import LoaderConfig
from omniforge.trainer.optimizer import OptimizerConfig
from omniforge.trainer.stages import Stage, StageConfig, stage_of
from omniforge.trainer.step_batch import BatchConfig


def _numbers(value: Any) -> Any:
    """Read `1,2,3` and a single number as a list."""
    if isinstance(value, int):
        return [value]
    return value.split(",") if isinstance(value, str) else value


_BEGINNING = ("size", "codebooks", "embedding_scale", "residual_scale", "near")
"""Settings of a fresh model that are no sizes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """A fresh model: a size by name (`model.config.MODEL_SIZES`), single sizes changed where they are given.

    `codebooks` begins the rows of codes at their tokenizers' codebooks (`model.codebooks`), which are then loaded. The
    published `rope_theta` is made for long texts; in sequences of hundreds of tokens most of its frequencies stand still.
    `embedding_scale` multiplies the fresh embedding: at 1 its rows are as small as a dozen steps of Adam, which then say more
    about the order of the data than about the tokens. `near` begins attention with what lies near (`model.nearness`).
    The published `initializer_range`, 0.02, is that of wide matrices; narrow ones need more for as much output (about
    hidden_size ** -0.5), and hardly learn from each other without. `residual_scale` multiplies what fresh blocks write
    (`model.quietness`).
    """

    size: str = "tiny"
    codebooks: bool = False
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    near: float = 0.0
    hidden_size: int | None = None
    intermediate_size: int | None = None
    num_hidden_layers: int | None = None
    num_attention_heads: int | None = None
    num_key_value_heads: int | None = None
    rope_theta: float | None = None
    initializer_range: float | None = None

    def __post_init__(self) -> None:
        if not (self.near >= 0 and math.isfinite(self.near)):
            raise ValueError(f"model: near is {self.near}; give 0 for attention that begins alike everywhere, or about 1.5")
        for name in ("embedding_scale", "residual_scale", "rope_theta", "initializer_range"):
            value = getattr(self, name)
            if value is not None and not (value > 0 and math.isfinite(value)):
                raise ValueError(f"model: {name} is {value}; give a positive number, or leave it out for what is published")

    def changes(self) -> dict[str, Any]:
        """Return what differs from the named size."""
        own = {item.name: getattr(self, item.name) for item in fields(self) if item.name not in _BEGINNING}
        return {name: value for name, value in own.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationConfig:
    """Loss on held-out samples: every `every` steps and at the end, on up to `rows` packed sequences of `split`."""

    split: str = "test"
    every: int = 200
    rows: int = 64

    def __post_init__(self) -> None:
        if self.every < 1 or self.rows < 1:
            raise ValueError(f"validation: every {self.every} and rows {self.rows} are at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckpointConfig:
    """A checkpoint every `every` steps and at the end of a stage; the last `keep` stay."""

    every: int = 200
    keep: int = 2

    def __post_init__(self) -> None:
        if self.every < 1 or self.keep < 1:
            raise ValueError(f"checkpoint: every {self.every} and keep {self.keep} are at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """A run: a token dataset, the stages to go through, where everything goes.

    Attributes:
        data: Reference of a token dataset, `ROOT/name@v3`.
        output: Folder for checkpoints, metrics and skipped batches, a sub-folder a stage; shared by all machines of a run.
        stages: Which stages, in order.
        start: Folder of a published model to begin from, or `embedded` for the shipped one; None begins from a fresh one
            (first stage) or from the stage before.
        start_rows: Ids that model was trained with, if the vocabulary here has more; see `growth.grow_vocabulary`.
        steps: Steps of each stage that sets none of its own.
        lr: Peak learning rate of each stage that sets none of its own.
        seed: Of fresh weights, the order of the data and the noise.
        precision: Type of the matrix products in forward passes; weights and moments are float32.
        compile: Compile norms and MLPs: about 1.4 times as fast on a CPU with instructions for bfloat16, after half a minute at
            the start. Sums are then taken in another order, so a run keeps to what it began with.
        skip_limit: Steps of a stage that may be skipped because their gradient is not finite.
        log_every: Steps between metrics by task; the loss is written at each step.
        threads: CPU threads of a process; None leaves it to torch. Bit-equal runs need equal numbers.
        processes: Ray Train workers; with `torchrun`, leave it at 1.
    """

    data: str
    output: str
    stages: Annotated[tuple[int, ...], BeforeValidator(_numbers)] = (1, 2, 3)
    start: str | None = None
    start_rows: int | None = None
    model: ModelConfig = field(default_factory=ModelConfig)
    steps: int = 1000
    lr: float = 3e-4
    seed: int = 0
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    skip_limit: int = 20
    log_every: int = 20
    threads: int | None = None
    processes: int = 1
    loader: LoaderConfig = field(default_factory=LoaderConfig)
    batch: BatchConfig = field(default_factory=BatchConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)
    validation: ValidationConfig = field(default_factory=ValidationConfig)
    checkpoint: CheckpointConfig = field(default_factory=CheckpointConfig)
    stage1: StageConfig = field(default_factory=StageConfig)
    stage2: StageConfig = field(default_factory=StageConfig)
    stage3: StageConfig = field(default_factory=StageConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "lr", "log_every", "processes"):
            if getattr(self, name) <= 0:
                raise ValueError(f"train: {name} is {getattr(self, name)}; it has to be positive")
        if not self.stages or list(self.stages) != sorted(set(self.stages)):
            raise ValueError(f"train: stages {list(self.stages)} have to ascend, for example stages=1,2,3")
        for number in self.stages:
            self.stage(number)

    def data_of(self, number: int) -> str:
        """Return the reference of the token dataset that a stage learns from."""
        return getattr(self, f"stage{number}").data or self.data

    def stage(self, number: int) -> tuple[Stage, ...]:
        """Return a stage as this run has it: its lessons, if it has any, and the stage itself last."""
        return stage_of(number, getattr(self, f"stage{number}", StageConfig()), self.steps, self.lr)
