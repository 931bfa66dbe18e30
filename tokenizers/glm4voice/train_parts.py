"""Train all parts of the embedded speech tokenizer from features: codes first, then what decodes them."""

from collections.abc import Sequence
from pathlib import Path

import torch

from omniforge.tokenizers.glm4voice.config import EncoderConfig, FlowConfig, HiftConfig
from omniforge.tokenizers.glm4voice.embedded_sizes import DECODER, MEL_SCALE, TOKENIZER
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.examples import SpeechFeatures
from omniforge.tokenizers.glm4voice.export import round_to_half
from omniforge.tokenizers.glm4voice.flow import FlowDecoder
from omniforge.tokenizers.glm4voice.flow_start import start_straight
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.train import Schedule
from omniforge.tokenizers.glm4voice.train_codes import CodeLearner, train_codes
from omniforge.tokenizers.glm4voice.train_flow import code_features, train_condition, train_velocity
from omniforge.tokenizers.glm4voice.train_vocoder import train_vocoder

# Recordings are few beside synthetic sentences and hard: each is drawn as often as three sentences.
_RECORDED_WEIGHT = 3
_CODES_RATE, _FLOW_RATE, _VOCODER_RATE = 1e-3, 1e-3, 8e-4


def new_learner(symbols: int) -> CodeLearner:
    """Make the untrained encoder with its training head."""
    reader = FlowConfig.from_dict(DECODER).encoder
    return CodeLearner(SpeechEncoder(EncoderConfig.from_dict(TOKENIZER)), reader, DECODER["flow"]["output_size"], symbols)


def new_flow(learner: CodeLearner) -> FlowDecoder:
    """Make the flow decoder: what reads its codes starts as what the codes were trained with, the flow straight at mu."""
    flow = FlowDecoder(FlowConfig.from_dict(DECODER))
    flow.encoder.load_state_dict(learner.reader.state_dict())
    with torch.no_grad():
        flow.input_embedding.weight.copy_(learner.encoder.codebook.weight)
    start_straight(flow.decoder.estimator)
    return flow


def train_parts(
    spoken: Sequence[SpeechFeatures],
    recorded: Sequence[SpeechFeatures],
    *,
    symbols: int,
    steps: int,
    checkpoints: Path,
    seed: int,
    resume: bool,
) -> tuple[SpeechEncoder, FlowDecoder, HiftGenerator]:
    """Train the three parts.

    Args:
        spoken: Features of synthetic speech, with the decoder's voice.
        recorded: Features of recordings, of which only the phonemes are known.
        symbols: Phonemes and the blank.
        steps: Steps of each stage.
        checkpoints: Folder of the stages' checkpoints.
        seed: Seed of weights and batches.
        resume: Continue from the checkpoints.

    Returns:
        The parts with weights rounded to float16.
    """

    def schedule(rate: float) -> Schedule:
        return Schedule(steps=steps, learning_rate=rate)

    torch.manual_seed(seed)
    learner = new_learner(symbols)
    heard = [*spoken, *(item for item in recorded for _ in range(_RECORDED_WEIGHT))]
    mels = DECODER["flow"]["output_size"]
    codes_schedule = schedule(_CODES_RATE)
    train_codes(learner, heard, mels, codes_schedule, checkpoints / "codes.pt", seed=seed, resume=resume)
    round_to_half(learner)
    flow = new_flow(learner)
    speech = code_features(learner.encoder, spoken)
    flow_schedule = schedule(_FLOW_RATE)
    train_condition(flow, speech, flow_schedule, checkpoints / "condition.pt", seed=seed, resume=resume)
    train_velocity(flow, speech, flow_schedule, checkpoints / "velocity.pt", seed=seed, resume=resume)
    hift = HiftGenerator(HiftConfig.from_dict(DECODER["hift"]))
    vocoder_schedule = schedule(_VOCODER_RATE)
    train_vocoder(hift, spoken, MEL_SCALE, vocoder_schedule, checkpoints / "vocoder.pt", seed=seed, resume=resume)
    round_to_half(flow)
    round_to_half(hift)
    return learner.encoder, flow, hift
