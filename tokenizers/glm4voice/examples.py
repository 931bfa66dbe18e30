"""What the speech tokenizer is trained from: pairs of heard and wanted speech, and their features."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from omniforge.tokenizers.glm4voice.losses import estimate_f0
from omniforge.tokenizers.glm4voice.mel import OUTPUT_HOP, OUTPUT_RATE, SAMPLE_RATE, log_mel, output_mel

# Mel frames that the training head predicts for one code: 100 a second.
SUBFRAMES = 8
_SAMPLES_PER_CODE = 1280


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechExample:
    """An utterance as the encoder hears it and as the decoder's one voice should say it.

    Attributes:
        heard: What is encoded, float32 at 16 kHz.
        wanted: The same utterance in the decoder's voice, float32 at 22,050 Hz; None where only the words are known.
        stretch: Moment t of `heard` is moment t * stretch of `wanted`.
        symbols: Phoneme ids from 1, for the recognition loss.
    """

    heard: NDArray[np.float32]
    wanted: NDArray[np.float32] | None
    stretch: float
    symbols: Sequence[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechFeatures:
    """Features of one example; spectrograms are float16 because thousands of them stay in memory.

    Attributes:
        log_mel: Input of the encoder, [128, 8 * codes].
        coarse: Target of the training head, normalised log mel at 100 frames a second, [80, 8 * codes], or None.
        mel: Target of the flow, normalised log mel, [80, frames], or None.
        wave: The wanted speech, int16 at 22,050 Hz, a multiple of 256 samples, or None.
        f0: Hertz for each 256 samples of `wave`, 0 where unvoiced, or None.
        symbols: Phoneme ids, int64.
        codes: Number of codes of the utterance.
    """

    log_mel: Tensor
    coarse: Tensor | None
    mel: Tensor | None
    wave: Tensor | None
    f0: Tensor | None
    symbols: Tensor
    codes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MelScale:
    """Shift and scale that bring the decoder's log mel near zero mean and unit spread: (mel - mean) / deviation."""

    mean: float
    deviation: float

    def normalise(self, mel: Tensor) -> Tensor:
        """Apply the scale to log amplitudes of any shape."""
        return (mel - self.mean) / self.deviation


def code_frames(codes: int) -> int:
    """Mel frames of that many codes: int(codes / 12.5 * 22050 / 256) in the reference's order of operations."""
    return int(codes / 12.5 * OUTPUT_RATE / OUTPUT_HOP)


def _wanted_features(
    example: SpeechExample, wanted: Tensor, codes: int, mels: int, scale: MelScale
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    coarse_hop = OUTPUT_RATE * _SAMPLES_PER_CODE / SAMPLE_RATE / SUBFRAMES
    coarse = output_mel(wanted[None], mels, hop=coarse_hop * example.stretch, frames=SUBFRAMES * codes)[0]
    fine = output_mel(wanted[None], mels, hop=OUTPUT_HOP * example.stretch, frames=code_frames(codes))[0]
    wave = wanted[: wanted.numel() // OUTPUT_HOP * OUTPUT_HOP]
    f0 = estimate_f0(wave, OUTPUT_RATE, OUTPUT_HOP)
    return scale.normalise(coarse).half(), scale.normalise(fine).half(), (wave * 32767).to(torch.int16), f0.half()


def featurise(example: SpeechExample, *, mels: int, output_mels: int, scale: MelScale) -> SpeechFeatures:
    """Compute the features of one example.

    Args:
        example: The pair of utterances.
        mels: Mel bins of the encoder.
        output_mels: Mel bins of the decoder.
        scale: Normalisation of the decoder's mel.
    """
    codes = -(-len(example.heard) // _SAMPLES_PER_CODE)
    heard = torch.from_numpy(example.heard)
    heard = functional.pad(heard, (0, codes * _SAMPLES_PER_CODE - heard.numel()))
    features = log_mel(heard[None], mels)[0].half()
    symbols = torch.tensor(example.symbols, dtype=torch.int64)
    if example.wanted is None:
        return SpeechFeatures(log_mel=features, coarse=None, mel=None, wave=None, f0=None, symbols=symbols, codes=codes)
    coarse, mel, wave, f0 = _wanted_features(example, torch.from_numpy(example.wanted), codes, output_mels, scale)
    return SpeechFeatures(log_mel=features, coarse=coarse, mel=mel, wave=wave, f0=f0, symbols=symbols, codes=codes)


def collect(examples: Iterable[SpeechExample], *, mels: int, output_mels: int, scale: MelScale) -> list[SpeechFeatures]:
    """Compute the features of all examples, in order."""
    return [featurise(example, mels=mels, output_mels=output_mels, scale=scale) for example in examples]
