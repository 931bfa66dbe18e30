"""Train the encoder and its codebook: codes have to tell the phonemes and the mel spectrogram in the decoder's voice."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniforge.tokenizers.glm4voice.config import FlowEncoderConfig
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.examples import SUBFRAMES, SpeechFeatures
from omniforge.tokenizers.glm4voice.flow_encoder import FlowEncoder
from omniforge.tokenizers.glm4voice.quantiser import MovingCodebook
from omniforge.tokenizers.glm4voice.train import Schedule, train_stage
from omniforge.tokenizers.precision import computes_bfloat16

# Recognition slots of a code: phonemes come faster than 12.5 a second.
_SLOTS = 4
_BATCH_CODES = 512
# Lengths of rows in codes with their shares: mostly a sentence, sometimes all of a 30 s segment.
_ROWS, _SHARES = (40, 80, 160, 375), (0.5, 0.3, 0.15, 0.05)
_GAIN = 0.25
_RECOGNITION_WEIGHT = 0.4
_COMMITMENT_WEIGHT = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeBatch:
    """Rows of utterances one behind the other.

    Attributes:
        log_mel: [rows, mels, 8 * codes].
        coarse: Wanted mel, [rows, output mels, 8 * codes].
        known: True where `coarse` is known, [rows, 8 * codes].
        utterances: (row, first code, codes, phonemes) of the utterances that end inside their row.
    """

    log_mel: Tensor
    coarse: Tensor
    known: Tensor
    utterances: list[tuple[int, int, int, Tensor]]


class CodeLearner(nn.Module):
    """The encoder with what it is trained through: a moving codebook and a head that only training has."""

    def __init__(self, encoder: SpeechEncoder, reader: FlowEncoderConfig, mels: int, symbols: int) -> None:
        super().__init__()
        with torch.no_grad():
            # Fixed sinusoids, as in Whisper, reach the positions of 30 s that short sentences never train; the
            # positions added behind the codebook serve a recogniser that is not part of the tokenizer.
            encoder.embed_positions.weight.copy_(sinusoids(*encoder.embed_positions.weight.shape))
            encoder.embed_positions2.weight.zero_()
        encoder.embed_positions.weight.requires_grad_(False)
        self.encoder = encoder
        self.codebook = MovingCodebook(encoder)
        self.reader = FlowEncoder(reader)
        self.mel_head = nn.Linear(reader.output_size, SUBFRAMES * mels)
        self.symbol_head = nn.Linear(reader.output_size, _SLOTS * symbols)

    def forward(self, log_mel: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Encode, quantise and read the codes.

        Returns:
            The mel in the decoder's voice, [rows, mels, 8 * codes]; logarithms of the phonemes' probabilities,
            [rows, 4 * codes, symbols]; and the commitment loss.
        """
        states, commitment = self.states(log_mel)
        return *self.read(states), commitment

    def states(self, log_mel: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is read from the codes of [rows, mels, 8 * codes], [rows, codes, width], and the commitment loss."""
        valid = torch.ones(log_mel.shape[0], log_mel.shape[2], dtype=torch.bool)
        # Half the time of float32 on processors with bfloat16; distances to the codebook need the full precision.
        with torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16("cpu")):
            hidden = self.encoder.hidden(log_mel, valid)
        quantised, commitment = self.codebook(hidden.float())
        with torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16("cpu")):
            return self.reader(quantised), commitment

    def read(self, states: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mel and the logarithms of the phonemes' probabilities that the heads make of states."""
        with torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16("cpu")):
            mel = self.mel_head(states).unflatten(-1, (SUBFRAMES, -1)).flatten(1, 2).transpose(1, 2)
            logits = self.symbol_head(states).unflatten(-1, (_SLOTS, -1)).flatten(1, 2)
        return mel.float(), logits.float().log_softmax(-1)


def sinusoids(length: int, width: int) -> Tensor:
    """Whisper's position encodings, sines then cosines, [length, width]."""
    half = width // 2
    rate = torch.exp(torch.arange(half) * -(math.log(10000.0) / (half - 1)))
    angle = torch.arange(length)[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], dim=1)


def draw_rows(features: Sequence[SpeechFeatures], generator: torch.Generator, output_mels: int) -> CodeBatch:
    """Fill rows of one length with utterances drawn at random; the last of a row is cut."""
    codes = _ROWS[int(torch.multinomial(torch.tensor(_SHARES), 1, generator=generator))]
    rows = max(1, _BATCH_CODES // codes)
    frames = SUBFRAMES * codes
    log_mel = torch.zeros(rows, features[0].log_mel.shape[0], frames)
    coarse = torch.zeros(rows, output_mels, frames)
    known = torch.zeros(rows, frames, dtype=torch.bool)
    utterances = []
    for row in range(rows):
        start = 0
        gain = (torch.rand((), generator=generator) * 2 - 1) * _GAIN
        while start < codes:
            item = features[int(torch.randint(len(features), (1,), generator=generator))]
            count = min(item.codes, codes - start)
            place = slice(SUBFRAMES * start, SUBFRAMES * (start + count))
            log_mel[row, :, place] = item.log_mel[:, : SUBFRAMES * count] + gain
            if item.coarse is not None:
                coarse[row, :, place] = item.coarse[:, : SUBFRAMES * count]
                known[row, place] = True
            if count == item.codes:
                utterances.append((row, start, count, item.symbols))
            start += count
    return CodeBatch(log_mel=log_mel, coarse=coarse, known=known, utterances=utterances)


def recognition_loss(log_probabilities: Tensor, utterances: list[tuple[int, int, int, Tensor]]) -> Tensor:
    """Connectionist temporal classification of each utterance, per phoneme; blank is 0.

    Args:
        log_probabilities: [rows, 4 * codes, symbols].
        utterances: As in `CodeBatch`.
    """
    if not utterances:
        return log_probabilities.new_zeros(())
    pieces = [log_probabilities[row, _SLOTS * first : _SLOTS * (first + count)] for row, first, count, _ in utterances]
    lengths = torch.tensor([len(piece) for piece in pieces])
    targets = [symbols for *_, symbols in utterances]
    return functional.ctc_loss(
        nn.utils.rnn.pad_sequence(pieces),
        torch.cat(targets),
        lengths,
        torch.tensor([len(target) for target in targets]),
        zero_infinity=True,
    )


def _reading_losses(batch: CodeBatch, mel: Tensor, log_probabilities: Tensor) -> dict[str, Tensor]:
    distance = (mel - batch.coarse).abs().mean(dim=1)
    return {
        "mel": (distance * batch.known).sum() / batch.known.sum().clamp(min=1),
        "recognition": _RECOGNITION_WEIGHT * recognition_loss(log_probabilities, batch.utterances),
    }


def train_heads(
    learner: CodeLearner,
    features: Sequence[SpeechFeatures],
    output_mels: int,
    schedule: Schedule,
    checkpoint: Path,
    *,
    seed: int,
    resume: bool,
) -> None:
    """Fit the heads alone in place, on codes that stay: gradients through fresh heads would damage a trained encoder."""
    learner.eval()

    def losses(generator: torch.Generator) -> Mapping[str, Tensor]:
        batch = draw_rows(features, generator, output_mels)
        with torch.no_grad():
            states, _ = learner.states(batch.log_mel)
        return _reading_losses(batch, *learner.read(states))

    heads = nn.ModuleDict({"mel_head": learner.mel_head, "symbol_head": learner.symbol_head})
    train_stage(heads, losses, schedule, checkpoint, seed=seed, resume=resume)


def train_codes(
    learner: CodeLearner,
    features: Sequence[SpeechFeatures],
    output_mels: int,
    schedule: Schedule,
    checkpoint: Path,
    *,
    seed: int,
    resume: bool,
) -> None:
    """Train encoder, codebook and head in place."""

    def losses(generator: torch.Generator) -> Mapping[str, Tensor]:
        batch = draw_rows(features, generator, output_mels)
        mel, log_probabilities, commitment = learner(batch.log_mel)
        return {**_reading_losses(batch, mel, log_probabilities), "commitment": _COMMITMENT_WEIGHT * commitment}

    train_stage(learner, losses, schedule, checkpoint, seed=seed, resume=resume)
