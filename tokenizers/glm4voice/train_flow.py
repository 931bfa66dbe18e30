"""Train the flow decoder on frozen codes: first mu as a regression of the mel, then the flow that starts from it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.examples import SpeechFeatures
from omniforge.tokenizers.glm4voice.flow import FlowDecoder
from omniforge.tokenizers.glm4voice.train import Schedule, train_stage
from omniforge.tokenizers.precision import computes_bfloat16

_BATCH_FRAMES = 2400
_UNCONDITIONAL_SHARE = 0.2
# As in the training of CosyVoice, whose decoder GLM-4-Voice took over.
_PROMPTED_SHARE, _LONGEST_PROMPT = 0.5, 0.3
_SIGMA_MIN = 1e-6


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedSpeech:
    """Codes, int64 [codes], with the normalised mel that they should become, float16 [mels, frames]."""

    codes: Tensor
    mel: Tensor


@torch.inference_mode()
def code_features(encoder: SpeechEncoder, features: Sequence[SpeechFeatures]) -> list[CodedSpeech]:
    """Encode the examples whose wanted mel is known."""
    coded = []
    for item in features:
        if item.mel is not None:
            log_mel = item.log_mel.float()[None]
            valid = torch.ones(1, log_mel.shape[-1], dtype=torch.bool)
            coded.append(CodedSpeech(codes=encoder.quantise(encoder.hidden(log_mel, valid))[0], mel=item.mel))
    return coded


class _Batches:
    """Draws utterances with the same number of codes, so that a batch needs no padding."""

    def __init__(self, speech: Sequence[CodedSpeech]) -> None:
        by_length: dict[int, list[CodedSpeech]] = defaultdict(list)
        for item in speech:
            by_length[len(item.codes)].append(item)
        self._groups = [by_length[length] for length in sorted(by_length)]
        self._weights = torch.tensor([float(len(group) * len(group[0].codes)) for group in self._groups])

    def draw(self, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return codes, [batch, codes], and mels, float32 [batch, mels, frames]."""
        group = self._groups[int(torch.multinomial(self._weights, 1, generator=generator))]
        size = max(1, _BATCH_FRAMES // group[0].mel.shape[1])
        items = [group[index] for index in torch.randint(len(group), (size,), generator=generator).tolist()]
        return torch.stack([item.codes for item in items]), torch.stack([item.mel for item in items]).float()


def train_condition(
    model: FlowDecoder, speech: Sequence[CodedSpeech], schedule: Schedule, checkpoint: Path, *, seed: int, resume: bool
) -> None:
    """Train everything before the estimator in place, so that mu is the mel as far as the codes tell it."""
    batches = _Batches(speech)
    trained = nn.ModuleDict(
        {name: child for name, child in model.named_children() if name not in {"decoder", "spk_embed_affine_layer"}}
    )

    def losses(generator: torch.Generator) -> Mapping[str, Tensor]:
        codes, mel = batches.draw(generator)
        return {"mu": functional.l1_loss(model.condition(codes), mel)}

    train_stage(trained, losses, schedule, checkpoint, seed=seed, resume=resume)


def train_velocity(
    model: FlowDecoder, speech: Sequence[CodedSpeech], schedule: Schedule, checkpoint: Path, *, seed: int, resume: bool
) -> None:
    """Train the estimator in place, on the mu of `train_condition`."""
    batches = _Batches(speech)
    trained = nn.ModuleDict({"decoder": model.decoder, "spk_embed_affine_layer": model.spk_embed_affine_layer})

    def losses(generator: torch.Generator) -> Mapping[str, Tensor]:
        codes, mel = batches.draw(generator)
        with torch.no_grad():
            mu = model.condition(codes)
        return {"flow": _flow_loss(model, mu, mel, generator)}

    train_stage(trained, losses, schedule, checkpoint, seed=seed, resume=resume)


def _flow_loss(model: FlowDecoder, mu: Tensor, mel: Tensor, generator: torch.Generator) -> Tensor:
    """Regress the straight path's velocity at a random time, dropping all conditions for a fifth of the utterances.

    Half of the batches are told how the mel begins, up to a third of it, as streaming tells it what it said before.
    """
    batch = mel.shape[0]
    time = 1 - torch.cos(torch.rand(batch, generator=generator) * torch.pi / 2)
    noise = torch.randn(mel.shape, generator=generator)
    weight = time[:, None, None]
    point = (1 - (1 - _SIGMA_MIN) * weight) * noise + weight * mel
    kept = (torch.rand(batch, generator=generator) > _UNCONDITIONAL_SHARE).float()
    speaker = model.project_speaker(torch.zeros(batch, model.config.spk_embed_dim)) * kept[:, None]
    condition = torch.zeros_like(mel)
    if torch.rand((), generator=generator) < _PROMPTED_SHARE:
        known = int(torch.rand((), generator=generator) * _LONGEST_PROMPT * mel.shape[2])
        condition[..., :known] = mel[..., :known] * kept[:, None, None]
    with torch.autocast("cpu", torch.bfloat16, enabled=computes_bfloat16("cpu")):
        velocity = model.decoder.estimator(point, mu * kept[:, None, None], speaker, condition, time)
    return functional.mse_loss(velocity.float(), mel - (1 - _SIGMA_MIN) * noise)
