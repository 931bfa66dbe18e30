"""Speech to codes and back, for use in an actor: load once, encode and decode many utterances."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from omniforge.tokenizers.glm4voice.config import EncoderConfig, FlowConfig, HiftConfig
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.files import SpeechFiles, find_files
from omniforge.tokenizers.glm4voice.flow import FlowDecoder
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.mel import SAMPLE_RATE
from omniforge.tokenizers.glm4voice.segments import encode_segments, split_segments
from omniforge.tokenizers.weights import load_strict, weights_fingerprint

_NOISE_SEED = 42


class SpeechTokenizer:
    """The GLM-4-Voice speech tokenizer with its decoder.

    Everything runs one segment or utterance at a time, so codes and waveforms never depend on what else a call holds.

    Attributes:
        fingerprint: Names weights and configuration.
        codebook_size: Codes are 0 .. codebook_size - 1.
        codes_per_second: 12.5.
        sample_rate: Of what is encoded, 16,000 Hz.
        output_rate: Of what is decoded, 22,050 Hz.
    """

    codes_per_second = 12.5
    sample_rate = SAMPLE_RATE

    def __init__(self, files: SpeechFiles, source: str, device: str = "cpu") -> None:
        self._encoder = SpeechEncoder(EncoderConfig.from_dict(files.tokenizer_config))
        self._flow = FlowDecoder(FlowConfig.from_dict(files.decoder_config))
        self._hift = HiftGenerator(HiftConfig.from_dict(files.decoder_config["hift"]))
        parts = (
            (self._encoder, files.tokenizer, "tokenizer"),
            (self._flow, files.flow, "flow"),
            (self._hift, files.hift, "hift"),
        )
        for module, weights, part in parts:
            load_strict(module, weights, f"{source} ({part})")
            module.eval().requires_grad_(False).to(device)
        self._steps = files.steps
        self._device = device
        self.codebook_size = self._encoder.config.quantize_vocab_size
        self.output_rate = self._hift.config.sampling_rate
        self.fingerprint = weights_fingerprint(
            {"tokenizer": files.tokenizer_config, "decoder": files.decoder_config, "steps": files.steps},
            {f"{part}.{name}": tensor for _, weights, part in parts for name, tensor in weights.items()},
        )

    @classmethod
    def load(cls, source: str, device: str = "cpu") -> Self:
        """Load by name or path.

        Args:
            source: "embedded", a folder, or a hub name; see `find_files`.
            device: Where the models run.

        Raises:
            ValueError: Nothing is found there, or weights and configuration do not fit.
        """
        return cls(find_files(source), source, device)

    def encode(self, waveforms: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
        """Encode utterances of any length above 0; those beyond 30 s are encoded in segments and joined.

        Args:
            waveforms: Mono float32 at 16 kHz within -1..1, [samples] each.

        Returns:
            The codes of each, int64 [ceil(samples / 1280)] for the published sizes.

        Raises:
            ValueError: A waveform is empty, not one-dimensional float32, or not finite.
        """
        for index, wave in enumerate(waveforms):
            if wave.ndim != 1 or wave.dtype != np.float32 or not len(wave):
                raise ValueError(
                    f"waveform {index} is {wave.dtype} {wave.shape}: give mono float32 samples at 16 kHz, at least one."
                )
            if not np.isfinite(wave).all():
                raise ValueError(f"waveform {index} has samples that are not finite: repair or refuse the recording.")
        return [
            np.concatenate([encode_segments(self._encoder, [segment])[0] for segment in split_segments(wave)])
            for wave in waveforms
        ]

    def decode(self, codes: Sequence[NDArray[np.int64]]) -> list[NDArray[np.float32]]:
        """Decode utterances; equal codes give equal samples, whatever was decoded before.

        Args:
            codes: Integers in 0 .. codebook_size - 1, [codes] each.

        Returns:
            Mono float32 within -0.99..0.99 at `output_rate`; empty for empty codes.

        Raises:
            ValueError: A code is outside the codebook or no integer.
        """
        for index, row in enumerate(codes):
            if row.ndim != 1 or not np.issubdtype(row.dtype, np.integer):
                raise ValueError(f"codes {index} are {row.dtype} {row.shape}: give a row of integers.")
            if len(row) and not 0 <= row.min() <= row.max() < self.codebook_size:
                raise ValueError(
                    f"codes {index} span {row.min()}..{row.max()}, the codebook 0..{self.codebook_size - 1}: "
                    "decode speech codes, not vocabulary ids."
                )
        return [self._decode(row) if len(row) else np.zeros(0, np.float32) for row in codes]

    @torch.inference_mode()
    def _decode(self, row: NDArray[np.int64]) -> NDArray[np.float32]:
        config = self._hift.config
        generator = torch.Generator().manual_seed(_NOISE_SEED)
        frames = self._flow.frames(len(row))
        harmonics = config.nb_harmonics + 1
        noise = torch.randn(1, config.in_channels, frames, generator=generator)
        phase = (torch.rand(1, harmonics, 1, generator=generator) * 2 - 1) * torch.pi
        hiss = torch.randn(1, harmonics, frames * config.samples_per_frame, generator=generator)
        ids = torch.from_numpy(row.astype(np.int64))[None].to(self._device)
        mel = self._flow(ids, noise.to(self._device), steps=self._steps)
        wave: NDArray[np.float32] = self._hift(mel, phase.to(self._device), hiss.to(self._device))[0].cpu().numpy()
        return wave
