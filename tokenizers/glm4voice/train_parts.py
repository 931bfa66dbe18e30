"""Train all parts of the embedded speech tokenizer from features: codes first, then what decodes them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from omniforge.tokenizers.glm4voice.config import EncoderConfig, FlowConfig, HiftConfig
from omniforge.tokenizers.glm4voice.embedded_sizes import DECODER, MEL_SCALE, STEPS, TOKENIZER
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.examples import SpeechFeatures
from omniforge.tokenizers.glm4voice.export import round_to_half
from omniforge.tokenizers.glm4voice.files import SpeechFiles
from omniforge.tokenizers.glm4voice.flow import FlowDecoder
from omniforge.tokenizers.glm4voice.flow_start import start_straight
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.train import Schedule
from omniforge.tokenizers.glm4voice.train_codes import CodeLearner, train_codes, train_heads
from omniforge.tokenizers.glm4voice.train_flow import code_features, train_condition, train_velocity
from omniforge.tokenizers.glm4voice.train_vocoder import start_quiet, train_vocoder
from omniforge.tokenizers.weights import load_strict

FEATURES: Final[dict[str, Any]] = {
    "mels": TOKENIZER["num_mel_bins"],
    "output_mels": DECODER["flow"]["output_size"],
    "scale": MEL_SCALE,
}
"""How examples become features for these parts: the last arguments of `featurise`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSchedules:
    """Steps and rates of the stages; a stage of 0 steps is left out, which needs weights to start with.

    `heads` is for codes that go on from given weights: what reads them while they are trained is fitted alone first.
    """

    heads: Schedule
    codes: Schedule
    condition: Schedule
    velocity: Schedule
    vocoder: Schedule


def require_embedded_sizes(files: SpeechFiles, source: str) -> None:
    """Refuse weights to start with whose configuration is not the one that is trained and written here.

    Shapes alone would not tell: heads, blocks, Euler steps and guidance have none.

    Raises:
        ValueError: They differ; every difference is named.
    """
    there = _flat({"tokenizer": files.tokenizer_config, "decoder": files.decoder_config, "steps": files.steps})
    here = _flat({"tokenizer": TOKENIZER, "decoder": DECODER, "steps": STEPS})
    differing = [name for name in sorted({*there, *here}) if there.get(name) != here.get(name)]
    if differing:
        named = ", ".join(f"{name} ({there.get(name)!r}, trained is {here.get(name)!r})" for name in differing)
        raise ValueError(f"start {source}: another configuration than the embedded one: {named}. Leave out start.")


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in values.items():
        found |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return found


def new_learner(symbols: int, start: SpeechFiles | None) -> CodeLearner:
    """Make the encoder with its training head, untrained or with given weights."""
    reader = FlowConfig.from_dict(DECODER).encoder
    learner = CodeLearner(SpeechEncoder(EncoderConfig.from_dict(TOKENIZER)), reader, DECODER["flow"]["output_size"], symbols)
    if start is not None:
        load_strict(learner.encoder, start.tokenizer, "start (tokenizer)")
        read = {name: start.flow[f"encoder.{name}"] for name in learner.reader.state_dict() if f"encoder.{name}" in start.flow}
        load_strict(learner.reader, read, "start (flow encoder)")
        learner.codebook.keep_rows()
    return learner


def new_flow(learner: CodeLearner, start: SpeechFiles | None, *, same_codes: bool) -> FlowDecoder:
    """Make the flow decoder, straight at mu or with given weights.

    Where the codes were trained, what reads them starts as what they were trained with.
    """
    flow = FlowDecoder(FlowConfig.from_dict(DECODER))
    if start is None:
        start_straight(flow.decoder.estimator)
    else:
        load_strict(flow, start.flow, "start (flow)")
    if not same_codes:
        flow.encoder.load_state_dict(learner.reader.state_dict())
        with torch.no_grad():
            flow.input_embedding.weight.copy_(learner.encoder.codebook.weight)
    return flow


def new_vocoder(start: SpeechFiles | None) -> HiftGenerator:
    """Make the vocoder, untrained or with given weights."""
    hift = HiftGenerator(HiftConfig.from_dict(DECODER["hift"]))
    if start is None:
        start_quiet(hift)
    else:
        load_strict(hift, start.hift, "start (hift)")
    return hift


def train_parts(
    spoken: Sequence[SpeechFeatures],
    recorded: Sequence[SpeechFeatures],
    schedules: PartSchedules,
    *,
    symbols: int,
    recordings_weight: int,
    start: SpeechFiles | None,
    checkpoints: Path,
    seed: int,
) -> tuple[SpeechEncoder, FlowDecoder, HiftGenerator]:
    """Train the three parts.

    Args:
        spoken: Features of synthetic speech, with the decoder's voice.
        recorded: Features of recordings, of which only the phonemes are known.
        schedules: Steps and rates.
        symbols: Phonemes and the blank.
        recordings_weight: How often a recording is drawn for each time that a synthetic sentence is.
        start: Weights to begin with; None for random ones. Without steps for the codes, encoder and codebook stay as they are.
        checkpoints: Folder of the stages' checkpoints, from which a stage goes on where they are there.
        seed: Seed of weights and batches.

    Returns:
        The parts with weights rounded to float16.

    Raises:
        ValueError: The weights to start with have other sizes.
    """
    torch.manual_seed(seed)
    options: dict[str, Any] = {"seed": seed, "resume": True}
    learner = new_learner(symbols, start)
    if schedules.codes.steps:
        heard = [*spoken, *(item for item in recorded for _ in range(recordings_weight))]
        mels = DECODER["flow"]["output_size"]
        if start is not None and schedules.heads.steps:
            train_heads(learner, heard, mels, schedules.heads, checkpoints / "heads.pt", **options)
        train_codes(learner, heard, mels, schedules.codes, checkpoints / "codes.pt", **options)
    round_to_half(learner)
    flow = new_flow(learner, start, same_codes=not schedules.codes.steps)
    speech = code_features(learner.eval().encoder, spoken) if schedules.condition.steps or schedules.velocity.steps else []
    if schedules.condition.steps:
        train_condition(flow, speech, schedules.condition, checkpoints / "condition.pt", **options)
    if schedules.velocity.steps:
        train_velocity(flow, speech, schedules.velocity, checkpoints / "velocity.pt", **options)
    hift = new_vocoder(start)
    if schedules.vocoder.steps:
        train_vocoder(hift, spoken, MEL_SCALE, schedules.vocoder, checkpoints / "vocoder.pt", **options)
    round_to_half(flow)
    round_to_half(hift)
    return learner.encoder, flow, hift
