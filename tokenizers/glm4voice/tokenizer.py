"""Speech to codes and back, for use in an actor: load once, encode and decode many utterances."""

from collections.abc import Sequence
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from omniforge.tokenizers.batching import compiled, full_precision
from omniforge.tokenizers.glm4voice.config import EncoderConfig, FlowConfig, HiftConfig
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.files import SpeechFiles, find_files
from omniforge.tokenizers.glm4voice.flow import FlowDecoder
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.inputs import check_codes, check_waveform
from omniforge.tokenizers.glm4voice.mel import SAMPLE_RATE
from omniforge.tokenizers.glm4voice.noise import UtteranceNoise
from omniforge.tokenizers.glm4voice.segments import encode_segments, encode_together, split_segments
from omniforge.tokenizers.glm4voice.streaming import MelStream, SpeechStream
from omniforge.tokenizers.glm4voice.vocoder_stream import VocoderStream
from omniforge.tokenizers.weights import load_strict, weights_fingerprint


class SpeechTokenizer:
    """The GLM-4-Voice speech tokenizer with its decoder.

    On a CPU everything runs one segment or utterance at a time, so codes and waveforms never depend on what else a call
    holds. On other devices segments are encoded together; see `encode_together` for what then holds.

    Attributes:
        fingerprint: Names weights and configuration.
        codebook_size: Codes are 0 .. codebook_size - 1.
        codes_per_second: 12.5.
        sample_rate: Of what is encoded, 16,000 Hz.
        output_rate: Of what is decoded, 22,050 Hz.
        parameter_count: Of all parts, without what is only counted in training (the codebook's moving averages).
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
        self._hidden = compiled(self._encoder.hidden, device)
        self.codebook_size = self._encoder.config.quantize_vocab_size
        self.parameter_count = sum(weight.numel() for module, *_ in parts for weight in module.parameters())
        self.output_rate = self._hift.config.sampling_rate
        self.fingerprint = weights_fingerprint(
            {"tokenizer": files.tokenizer_config, "decoder": files.decoder_config, "steps": files.steps},
            {f"{part}.{name}": tensor for _, weights, part in parts for name, tensor in weights.items()},
        )

    @property
    def codebook(self) -> Tensor:
        """Vectors of the codes, float32 [codebook_size, width]."""
        return self._encoder.codebook.weight.detach().float().cpu()

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
            check_waveform(wave, f"waveform {index}")
        if torch.device(self._device).type != "cpu":
            return self.encode_together(waveforms)
        return [
            np.concatenate([encode_segments(self._encoder, [segment])[0] for segment in split_segments(wave)])
            for wave in waveforms
        ]

    def encode_together(self, waveforms: Sequence[NDArray[np.float32]]) -> list[NDArray[np.int64]]:
        """Encode many at once, as `encode` does on other devices than a CPU; arguments and result as there.

        Codes equal those of each alone except where their margin is below `encoder.MARGIN_EPSILON`.
        """
        segments = [split_segments(wave) for wave in waveforms]
        with full_precision():
            codes = iter(encode_together(self._encoder, self._hidden, [part for parts in segments for part in parts]))
        return [np.concatenate([next(codes) for _ in parts]) for parts in segments]

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
            check_codes(row, self.codebook_size, f"codes {index}")
        return [self._decode(row) if len(row) else np.zeros(0, np.float32) for row in codes]

    @torch.inference_mode()
    def _decode(self, row: NDArray[np.int64]) -> NDArray[np.float32]:
        config = self._hift.config
        noise = UtteranceNoise(config.in_channels)
        frames = self._flow.frames(len(row))
        ids = torch.from_numpy(row.astype(np.int64))[None].to(self._device)
        mel = self._flow(ids, noise.mel(frames).to(self._device), steps=self._steps)
        harmonics = config.nb_harmonics + 1
        phase = noise.phase(harmonics).to(self._device)
        hiss = noise.hiss(frames, harmonics, config.samples_per_frame).to(self._device)
        wave: NDArray[np.float32] = self._hift(mel, phase, hiss)[0].cpu().numpy()
        return wave

    def stream(self) -> SpeechStream:
        """Begin an utterance that is decoded while its codes arrive."""
        noise = UtteranceNoise(self._hift.config.in_channels)
        return SpeechStream(MelStream(self._flow, noise, self._steps), VocoderStream(self._hift, noise), self.codebook_size)
