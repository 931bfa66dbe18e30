"""Waveforms of any length as 30 s segments, and segments as one padded batch (GV speech_tokenizer/utils.py)."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.mel import HOP, SAMPLE_RATE, log_mel

SEGMENT_SAMPLES = 30 * SAMPLE_RATE


def split_segments(wave: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Cut a waveform at 16 kHz into segments of 30 s, the last of them as short as it comes."""
    return [wave[start : start + SEGMENT_SAMPLES] for start in range(0, len(wave), SEGMENT_SAMPLES)]


def batch_features(waves: Sequence[NDArray[np.float32]], *, mels: int, multiple: int) -> tuple[Tensor, Tensor]:
    """Pad waveforms at 16 kHz with zeros to the longest, rounded up to `multiple` samples, and compute their log-mel.

    Returns:
        Log-mel features, [batch, mels, frames], and which frames begin inside the waveform, bool [batch, frames].
    """
    longest = -(-max(len(wave) for wave in waves) // multiple) * multiple
    padded = torch.zeros(len(waves), longest)
    for row, wave in zip(padded, waves, strict=True):
        row[: len(wave)] = torch.from_numpy(wave)
    lengths = torch.tensor([len(wave) for wave in waves])
    return log_mel(padded, mels), torch.arange(0, longest, HOP)[None] < lengths[:, None]


@torch.inference_mode()
def encode_segments(model: SpeechEncoder, waves: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
    """Encode segments of at most 30 s as one padded batch.

    Returns:
        The codes of each, int64, one for 1,280 samples begun.
    """
    multiple = model.config.samples_per_code
    mel, valid = batch_features(waves, mels=model.config.num_mel_bins, multiple=multiple)
    device = model.codebook.weight.device
    codes = model.quantise(model.hidden(mel.to(device), valid.to(device))).cpu().numpy()
    return [row[: -(-len(wave) // multiple)] for row, wave in zip(codes, waves, strict=True)]
