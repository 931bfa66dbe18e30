"""Train HiFT on crops: spectral losses on the waveform, and the pitch predictor on estimated pitch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from omniforge.tokenizers.glm4voice.examples import MelScale, SpeechFeatures
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.losses import multi_resolution_stft_loss
from omniforge.tokenizers.glm4voice.mel import OUTPUT_HOP, output_mel
from omniforge.tokenizers.glm4voice.train import Schedule, train_stage

_CROP_FRAMES = 32
_BATCH = 12
_F0_UNIT = 100.0
_QUIET = -3.0


def _crops(features: Sequence[SpeechFeatures], generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draw crops of waveforms, [batch, samples], and of their pitch, [batch, frames]; short utterances get silence."""
    waves, pitches = [], []
    for index in torch.randint(len(features), (_BATCH,), generator=generator).tolist():
        wave, f0 = features[index].wave, features[index].f0
        assert wave is not None
        assert f0 is not None
        short = max(0, _CROP_FRAMES - f0.numel())
        wave, f0 = functional.pad(wave, (0, short * OUTPUT_HOP)), functional.pad(f0, (0, short))
        start = int(torch.randint(f0.numel() - _CROP_FRAMES + 1, (1,), generator=generator))
        waves.append(wave[start * OUTPUT_HOP : (start + _CROP_FRAMES) * OUTPUT_HOP].float() / 32767)
        pitches.append(f0[start : start + _CROP_FRAMES].float())
    return torch.stack(waves), torch.stack(pitches)


def start_quiet(model: HiftGenerator) -> None:
    """Set the magnitudes of an untrained vocoder: its exponential gives 1, far louder than speech."""
    with torch.no_grad():
        model.conv_post.bias[: model.config.istft_n_fft // 2 + 1] = _QUIET


def train_vocoder(
    model: HiftGenerator,
    features: Sequence[SpeechFeatures],
    scale: MelScale,
    schedule: Schedule,
    checkpoint: Path,
    *,
    seed: int,
    resume: bool,
) -> None:
    """Train the vocoder in place on examples that have a waveform.

    The excitation comes from estimated pitch, so both halves learn at once.
    """
    spoken = [item for item in features if item.wave is not None]
    harmonics = model.config.nb_harmonics + 1
    mels = model.config.in_channels

    def losses(generator: torch.Generator) -> Mapping[str, Tensor]:
        wave, f0 = _crops(spoken, generator)
        mel = output_mel(wave, mels)
        phase = (torch.rand(wave.shape[0], harmonics, 1, generator=generator) * 2 - 1) * torch.pi
        noise = torch.randn(wave.shape[0], harmonics, wave.shape[1], generator=generator)
        normalised = scale.normalise(mel)
        made = model.decode(normalised, model.make_source(f0, phase, noise))
        return {
            "stft": multi_resolution_stft_loss(made, wave),
            "mel": functional.l1_loss(output_mel(made, mels), mel),
            "f0": functional.l1_loss(model.predict_f0(normalised) / _F0_UNIT, f0 / _F0_UNIT),
        }

    train_stage(model, losses, schedule, checkpoint, seed=seed, resume=resume)
