"""All that can be set for the training of a tokenizer, and the record of it that lies beside the weights."""

import dataclasses
import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from omniforge.jobs.config import ConfigError, config_values, from_mapping
from omniforge.tokenizers.glm4voice.train import Schedule
from omniforge.tokenizers.magvit2.config import Magvit2Config, StackConfig

EMBEDDED_SIZES = Magvit2Config(
    encoder=StackConfig(ch=16, ch_mult=(1, 1, 3, 6, 9), num_res_blocks=(1, 1, 1, 1, 1), norm_groups=2),
    decoder=StackConfig(ch=16, ch_mult=(1, 1, 3, 6, 12), num_res_blocks=(1, 1, 1, 2, 1), norm_groups=2),
)
"""Few channels where the picture is large: on a CPU the highest resolutions cost most of the time."""

_HEADS = Schedule(steps=150, learning_rate=0.003, warmup=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardConfig:
    """What the model card says and no program can know: a name, the licence of the weights, origin and licences of the data.

    Of whoever trains: `card.name="my tokenizer" card.licence=CC0-1.0`. Without, the card says that they are not recorded.
    """

    name: str = ""
    licence: str = ""
    data: str = ""
    notes: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageLosses:
    """Weights of the losses beside reconstruction, as in `magvit2.train.TrainingConfig`."""

    commitment: float = 0.1
    entropy: float = 0.02
    perceptual: float = 0.0
    perceptual_network: str | None = None
    adversarial: float = 0.0
    adversarial_from: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageTraining:
    """A training of the picture tokenizer.

    Attributes:
        tokenizer: Which one; tells this configuration from that of speech.
        output: Folder for weights, checkpoint and log.
        data: Folder of pictures to mix in, searched through; a tenth of them is left out. None for scenes alone.
        steps: Optimiser steps in all.
        batch: Pictures of a step.
        size: Side of a training picture in pixels, a multiple of the downsampling.
        large_share: Share of the steps with a quarter of the pictures at twice the side.
        scenes_share: Share of the pictures that are rendered scenes.
        seed: Of fresh weights and of the pictures.
        learning_rate: The highest one; it falls to zero over the steps.
        warmup: Steps over which it rises.
        relaxed: Steps over which signs take the place of noisy values; see `TrainingConfig`.
        ema_decay: Decay of the averaged weights, which are what is written.
        losses: Weights of the losses.
        start: Weights to begin with: `embedded` or a folder; None for random ones.
        sizes: Of the network.
        device: Where to train.
        save_every: Steps between checkpoints.
        card: Words for the model card.
    """

    tokenizer: Literal["magvit2"]
    output: str
    data: str | None = None
    steps: int
    batch: int = 4
    size: int = 128
    large_share: float = 0.25
    scenes_share: float = 0.5
    seed: int = 0
    learning_rate: float
    warmup: int = 100
    relaxed: int = 0
    ema_decay: float = 0.999
    losses: ImageLosses = field(default_factory=ImageLosses)
    start: str | None = None
    sizes: Magvit2Config = EMBEDDED_SIZES
    device: str = "cpu"
    save_every: int = 250
    card: CardConfig = field(default_factory=CardConfig)

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "learning_rate", "warmup", "save_every"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it has to be positive")
        for name in ("large_share", "scenes_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}; it is a share from 0 to 1")
        if self.size < 1 or self.size % self.sizes.downsampling:
            raise ValueError(f"size={self.size} is not a multiple of {self.sizes.downsampling}, the pixels across one code")


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechTraining:
    """A training of the speech tokenizer, in stages.

    Attributes:
        tokenizer: Which one; tells this configuration from that of pictures.
        output: Folder for weights and the stages' checkpoints.
        data: Folder with texts (txt, tsv, json) and recordings (LibriSpeech, Common Voice) to mix in, searched through; a tenth
            of sentences and speakers is left out. None for generated sentences alone.
        utterances: Sentences to speak.
        voices: Factors of pitch and formants of the changed voices; multiples of 0.05 keep the resampling filters small.
        changed_share: Share of the sentences in a changed voice; the others are in the synthesiser's own.
        recordings_weight: How often a recording is drawn for each time that a synthetic sentence is.
        seed: Of sentences, voices, fresh weights and batches.
        heads: Before the codes, where they go on from `start`: what reads them in training, which no weights hold, is fitted
            alone, so that it does not damage a trained encoder. Without `start`, or codes to train, it is left out.
        codes: The encoder with its codebook. A stage of 0 steps keeps the part that `start` gives.
        condition: The mel spectrogram that codes mean; what reads them starts anew where the codes were trained, so it needs
            steps then.
        velocity: The flow from there.
        vocoder: From mel spectrogram to waveform.
        start: Weights to begin with: `embedded` or a folder; None for random ones.
        card: Words for the model card.
    """

    tokenizer: Literal["glm4voice"]
    output: str
    data: str | None = None
    utterances: int
    voices: tuple[float, ...] = (0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2)
    changed_share: float = 0.5
    recordings_weight: int = 3
    seed: int = 0
    heads: Schedule = _HEADS
    codes: Schedule
    condition: Schedule
    velocity: Schedule
    vocoder: Schedule
    start: str | None = None
    card: CardConfig = field(default_factory=CardConfig)

    def __post_init__(self) -> None:
        for name in ("codes", "condition", "velocity", "vocoder"):
            if getattr(self, name).steps == 0 and self.start is None:
                raise ValueError(f"{name}.steps is 0, which leaves the stage out: give start=WEIGHTS too, or at least 1 step")
        if self.codes.steps and not self.condition.steps:
            raise ValueError(
                f"codes.steps is {self.codes.steps} and condition.steps 0: nothing would decode the new codes. Give the "
                "condition steps too, or the codes none"
            )
        if self.utterances < 1 or self.recordings_weight < 0:
            raise ValueError(
                f"utterances {self.utterances} are at least 1, recordings_weight {self.recordings_weight} at least 0"
            )
        if not 0 <= self.changed_share <= 1 or not all(0.5 <= voice <= 2 for voice in self.voices):
            raise ValueError(
                f"changed_share {self.changed_share} is from 0 to 1, and each of voices {self.voices} from 0.5 to 2"
            )
        if self.changed_share and not self.voices:
            raise ValueError("voices is empty; give factors, or changed_share=0")


_FILES = frozenset({"data", "start", "perceptual_network"})
"""Settings that name files or folders."""

KINDS: dict[str, type[ImageTraining] | type[SpeechTraining]] = {"magvit2": ImageTraining, "glm4voice": SpeechTraining}


def training_config(path: str, overrides: Sequence[str]) -> ImageTraining | SpeechTraining:
    """Read the configuration of a training; its key `tokenizer` says of which.

    Raises:
        ConfigError: As `load_config`, or `tokenizer` is none that is trained here.
    """
    values = config_values(path, overrides)
    kind = values.get("tokenizer")
    if kind not in KINDS:
        raise ConfigError(f"{path}: tokenizer is {kind!r}; it has to be one of {', '.join(KINDS)}")
    return from_mapping(KINDS[kind], values, path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a training was made from, for the model card and to hold a resumed run against.

    Attributes:
        settings: The configuration without `output` and `card`; of files and folders the names alone.
        data: What was read there: counts by name, and the fingerprint of the contents.
        made_with: What else decides the weights: the fingerprints of those to start with (and of a perceptual network), and
            the precision.
        card: Words for the model card.
    """

    settings: dict[str, Any]
    data: dict[str, Any]
    made_with: dict[str, Any]
    card: dict[str, str]


def trained(config: ImageTraining | SpeechTraining, data: dict[str, Any], made_with: dict[str, Any]) -> Trained:
    """Record a training; what lies elsewhere on another machine is left out."""
    settings = dataclasses.asdict(config)
    del settings["output"]
    card = settings.pop("card")
    for values in (settings, settings.get("losses", {})):
        for name in _FILES & values.keys():
            # The name alone: a path says where this machine keeps its files.
            values[name] = values[name] and Path(values[name]).name
    plain: dict[str, Any] = json.loads(json.dumps(settings))
    return Trained(settings=plain, data=data, made_with=made_with, card=card)


def contents_fingerprint(contents: Iterable[bytes]) -> str:
    """Return `sha256:<16 hex>` of some contents in their order."""
    digest = hashlib.sha256()
    for content in contents:
        digest.update(hashlib.sha256(content).digest())
    return f"sha256:{digest.hexdigest()[:16]}"


def claim_output(output: Path, name: str, record: Trained) -> None:
    """Write the record beside the weights to come; one that is there already is of a run to go on with.

    Raises:
        ConfigError: The folder holds a training with other settings, data, weights to start with or precision, or a checkpoint
            of which nothing says what it is of.
    """
    path = output / f"{name}_training.json"
    wanted = dataclasses.asdict(record)
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if differing := _differences(found, wanted):
            of_device = any(difference.startswith("precision ") for difference in differing)
            raise ConfigError(
                f"{output} holds a training that differs in {', '.join(differing)}. Give another output; start={output} begins "
                f"with its weights.{' Or go on where it began: the precision is that of the device.' if of_device else ''}"
            )
    elif checkpoints := sorted({*output.glob("checkpoint.pt"), *output.glob("checkpoints/*.pt")}):
        raise ConfigError(
            f"{output} holds {checkpoints[0].relative_to(output)} and no {path.name}, so nothing says of which training it is. "
            "Give another output, or remove the checkpoint to begin anew."
        )
    output.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(json.dumps(wanted, indent=1) + "\n", encoding="utf-8")
    partial.replace(path)


def _differences(found: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    there, here = _compared(found), _compared(wanted)
    return [
        f"{name} ({there.get(name)!r} there, {here.get(name)!r} here)"
        for name in sorted({*there, *here})
        if there.get(name) != here.get(name)
    ]


def _compared(record: dict[str, Any]) -> dict[str, Any]:
    """Return all that decides the weights, flat; of files and folders that is the contents, whatever their names."""
    settings: dict[str, Any] = dict(record["settings"])
    losses = {f"losses.{name}": value for name, value in settings.pop("losses", {}).items() if name not in _FILES}
    named = {name: value for name, value in settings.items() if name not in _FILES}
    return {**named, **losses, **record["data"], **record.get("made_with", {})}
