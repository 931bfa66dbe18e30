"""Voice conversion by codes: another engine speaks, and the speech tokenizer says it again in the one voice of its decoder."""

from dataclasses import replace

import numpy as np
import soxr  # type: ignore[import-untyped]
import torch

from omniforge.synth.tts.engine import Waveform
from omniforge.synth.tts.registry import load_engine
from omniforge.synth.voices import Voice
from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer


class CodesEngine:
    """What a model that answers in codes will sound like: text has no codes by itself, so they are taken from speech.

    All that a voice asks for is asked of the engine that speaks first; only words and timing survive the codes. It says the
    same as often as that engine does, on a CPU, where torch is set to one thread for the process: codes near a rounding border
    could differ with more.
    """

    def __init__(self, speaks: str = "hibari", source: str = "embedded", device: str = "cpu") -> None:
        """Load both: `speaks` is the name of an engine, `source` and `device` are those of `SpeechTokenizer.load`.

        Raises:
            ValueError: there is no such engine or no such tokenizer.
        """
        self._speaks = speaks
        self._engine = load_engine(speaks)
        self._tokenizer = SpeechTokenizer.load(source, device)
        where = torch.device(device).type
        if where == "cpu":
            torch.set_num_threads(1)
        self.deterministic = self._engine.deterministic and where == "cpu"
        self.fingerprint = f"codes {self._tokenizer.fingerprint} on {where} of {self._engine.fingerprint}"

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Say a text through the codes; `speaker` is one of the engine that speaks.

        Raises:
            SpeechError: that engine could not.
            ValueError: that engine does not know the voice.
        """
        said = self._engine.speak(text, replace(voice, engine=self._speaks), seed)
        if not said.samples.size:
            return said
        heard = np.clip(soxr.resample(said.samples, said.rate, self._tokenizer.sample_rate), -1, 1).astype(np.float32)
        (samples,) = self._tokenizer.decode(self._tokenizer.encode([heard]))
        return Waveform(samples, self._tokenizer.output_rate)
