"""Waveforms of any length as 30 s segments, and segments as one padded batch (GV speech_tokenizer/utils.py)."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from omniforge.tokenizers.batching import group_by_length
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.mel import HOP, SAMPLE_RATE, log_mel

SEGMENT_SAMPLES = 30 * SAMPLE_RATE
_SECONDS = (2, 4, 8, 16, 30)
_BATCH_SECONDS = 1200


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


@torch.inference_mode()
def encode_together(
    model: SpeechEncoder, hidden: Callable[[Tensor, Tensor], Tensor], waves: Sequence[NDArray[np.float32]]
) -> list[NDArray[np.int64]]:
    """Encode segments of at most 30 s, those of like length together, padded to one of five lengths.

    Features are computed segment by segment, and the frames after a segment's end are masked: companions change the
    rounding and nothing else.

    Args:
        model: The encoder.
        hidden: Its method `hidden`, or that compiled.
        waves: The segments.

    Returns:
        The codes of each, int64, one for 1,280 samples begun.
    """
    multiple = model.config.samples_per_code
    device = model.codebook.weight.device
    counts = [-(-len(wave) // multiple) for wave in waves]
    edges = [-(-seconds * SAMPLE_RATE // multiple) for seconds in _SECONDS]
    codes: dict[int, NDArray[np.int64]] = {}
    for length, members in group_by_length(counts, edges, _BATCH_SECONDS * SAMPLE_RATE // multiple):
        padded = length * multiple // HOP
        items = [batch_features([waves[member]], mels=model.config.num_mel_bins, multiple=multiple) for member in members]
        mel, valid = (
            torch.cat([functional.pad(item[part], (0, padded - item[part].shape[-1])) for item in items]).to(device)
            for part in (0, 1)
        )
        rows = model.quantise(hidden(mel, valid)).cpu().numpy()
        codes.update({member: row[: counts[member]] for member, row in zip(members, rows, strict=True)})
    return [codes[place] for place in range(len(waves))]
