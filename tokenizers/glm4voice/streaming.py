"""Speech from codes as they come: the mel in overlapping windows, the waveform by a vocoder that goes on where it stopped.

As GLM-4-Voice streams (its flow_inference.py and web demo), with three differences. The window of earlier codes is bounded,
so that a chunk costs the same however long the utterance is. The vocoder gets every frame, and the phase, that a sample
depends on, instead of one frame and a fade, so its chunks are cut from the waveform of the whole mel. And the weights of
the fade between overlapping spectrograms sum to 1.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from omniforge.tokenizers.glm4voice.flow import FlowDecoder, Prompt
from omniforge.tokenizers.glm4voice.inputs import check_codes
from omniforge.tokenizers.glm4voice.noise import UtteranceNoise
from omniforge.tokenizers.glm4voice.vocoder_stream import VocoderStream

HOPS = (10, 20, 40)
"""Codes of the first chunk, the second, and every later one, as in the reference's demo: sound soon, then fewer chunks."""

OVERLAP_CODES = 5
"""Codes whose frames the next chunk makes again, because the last frames of a window do not know what follows."""

CONTEXT_CODES = 50
"""Codes before a chunk that its window holds, at least; it begins with a block of the encoder's attention."""


class MelStream:
    """The mel decoder's state in one utterance: a window of codes with the frames made of them."""

    def __init__(self, flow: FlowDecoder, noise: UtteranceNoise, steps: int) -> None:
        self._flow = flow
        self._noise = noise
        self._steps = steps
        self._overlap = flow.frames(OVERLAP_CODES)
        self.device = device = flow.input_embedding.weight.device
        mels = flow.config.output_size
        self._codes = torch.zeros(1, 0, dtype=torch.int64, device=device)
        self._start = torch.zeros(1, mels, 0, device=device)
        self._mel = torch.zeros(1, mels, 0, device=device)
        self._held = torch.zeros(1, mels, 0, device=device)
        self._first = 0

    def push(self, codes: Tensor, *, last: bool) -> Tensor:
        """Decode the next codes, int64 [1, codes], and give the frames that are settled, [1, mels, frames].

        Those of the last `OVERLAP_CODES` codes are held back unless the utterance ends here.
        """
        if not codes.shape[1]:
            return self._held if last else self._held[..., :0]
        self._trim()
        prompt = Prompt(codes=self._codes, mel=self._mel)
        self._codes = torch.cat([self._codes, codes], dim=1)
        frames = self._flow.frames(self._first + self._codes.shape[1]) - self._flow.frames(self._first)
        new = self._noise.mel(frames - self._start.shape[-1])
        self._start = torch.cat([self._start, new.to(self._start)], dim=-1)
        made: Tensor = self._flow(codes, self._start, steps=self._steps, prompt=prompt)
        faded = self._held.shape[-1]
        weight = fade_in(faded).to(made)
        made[..., :faded] = weight * made[..., :faded] + (1 - weight) * self._held
        settled = made.shape[-1] - (0 if last else min(self._overlap, made.shape[-1]))
        self._held = made[..., settled:]
        made = made[..., :settled]
        self._mel = torch.cat([self._mel, made], dim=-1)
        return made

    def _trim(self) -> None:
        """Forget whole blocks of codes before the context."""
        block = self._flow.config.encoder.block_size
        drop = max(0, self._codes.shape[1] - CONTEXT_CODES) // block * block
        frames = self._flow.frames(self._first + drop) - self._flow.frames(self._first)
        self._first += drop
        self._codes, self._start, self._mel = self._codes[:, drop:], self._start[..., frames:], self._mel[..., frames:]


def fade_in(frames: int) -> Tensor:
    """Weights that rise from 0 to 1 as half a cosine, float32 [frames], at the middles of `frames` equal steps."""
    return 0.5 - 0.5 * torch.cos(torch.pi * (torch.arange(frames) + 0.5) / max(1, frames))


class SpeechStream:
    """One utterance that is decoded while its codes arrive; made by `SpeechTokenizer.stream`.

    The samples follow from the codes alone: chunks are cut by the place of a code in the utterance, not by how many came at
    once. Joined, they are as many as those of the utterance decoded whole. Memory and time of a chunk do not grow.
    """

    def __init__(self, mel: MelStream, vocoder: VocoderStream, codebook_size: int) -> None:
        self._mel = mel
        self._vocoder = vocoder
        self._codebook_size = codebook_size
        self._waiting = np.zeros(0, np.int64)
        self._chunks = 0
        self._finished = False

    def push(self, codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Take the next codes and give the samples that are settled.

        Args:
            codes: Integers in 0 .. codebook_size - 1, [codes], also none.

        Returns:
            Mono float32 within -0.99..0.99 at the tokenizer's `output_rate`; often none, while a chunk is not full.

        Raises:
            ValueError: A code is outside the codebook or no integer, or the utterance is finished.
        """
        check_codes(codes, self._codebook_size, "codes")
        if self._finished:
            raise ValueError("this utterance is finished: make a new stream for the next one.")
        self._waiting = np.concatenate([self._waiting, codes.astype(np.int64)])
        parts = [np.zeros(0, np.float32)]
        while len(self._waiting) >= (hop := HOPS[min(self._chunks, len(HOPS) - 1)]):
            parts.append(self._decode(self._waiting[:hop], last=False))
            self._waiting = self._waiting[hop:]
            self._chunks += 1
        return np.concatenate(parts)

    def finish(self) -> NDArray[np.float32]:
        """End the utterance and give the rest of its samples; none when there were no codes.

        Raises:
            ValueError: It was finished before.
        """
        if self._finished:
            raise ValueError("this utterance is finished already: make a new stream for the next one.")
        self._finished = True
        return self._decode(self._waiting, last=True)

    @torch.inference_mode()
    def _decode(self, codes: NDArray[np.int64], *, last: bool) -> NDArray[np.float32]:
        mel = self._mel.push(torch.from_numpy(codes)[None].to(self._mel.device), last=last)
        wave: NDArray[np.float32] = self._vocoder.push(mel, last=last).cpu().numpy()
        return wave
