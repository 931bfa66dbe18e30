"""Texts into samples: the engines behind a voice table, and what they said before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]

from omniforge.synth.cache import Cache, clip_identity, keep, recall, speaker_identity, take_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.flac import decode_flac, encode_flac, to_16_bit
from omniforge.synth.roundtrip import SAMPLE_RATE
from omniforge.synth.tts.engine import BatchEngine, Engine, SpeechError, Waveform
from omniforge.synth.tts.registry import load_engine
from omniforge.synth.voices import Voice

Take = npt.NDArray[np.float32] | SpeechError
"""What became of a line: samples (N,) at 16 kHz that 16 bits hold, or why there are none."""


@dataclass(frozen=True, slots=True)
class Line:
    """A text, who says it, and the seed of the engine's noise."""

    text: str
    voice: Voice
    seed: int


class Synthesiser:
    """The engines that a config's voices name, each loaded when one of its voices first speaks."""

    def __init__(self, config: SynthConfig, engines: Mapping[str, Engine] | None = None, cache: Cache | None = None) -> None:
        """Remember where engines and earlier takes are; `engines` by the names that voices use are taken instead of loaded."""
        self._config = config
        self._engines: dict[str, Engine] = dict(engines or {})
        self._cache = cache

    @property
    def fingerprint(self) -> str:
        """All engines of the voice table, and what its voices have in files, in one line; loads the engines."""
        voices = self._config.voices
        files = sorted({clip_identity(voice) for voice in voices} - {""})
        files += sorted({speaker_identity(voice) for voice in voices} - {voice.speaker for voice in voices})
        return "; ".join([*(self._engine(name).fingerprint for name in sorted({voice.engine for voice in voices})), *files])

    def speak(self, lines: Sequence[Line]) -> list[Take]:
        """Say lines in the order given, or take what was said of them before; the results are in the same order.

        What an engine says that is not `deterministic` is neither kept nor taken: behind its name may be another model by now.
        An engine that can say several lines at once gets `batch_size` of them.

        Raises:
            ValueError: an engine does not know a voice.
        """
        keys = [take_key(line.text, line.voice, line.seed, self._engine(line.voice.engine).fingerprint) for line in lines]
        takes: dict[int, Take] = {}
        for place, key in enumerate(keys):
            if (known := recall(self._cache_of(lines[place]), key)) is not None:
                takes[place] = decode_flac(known)
        missing = [place for place in range(len(lines)) if place not in takes]
        for name in dict.fromkeys(lines[place].voice.engine for place in missing):
            places = [place for place in missing if lines[place].voice.engine == name]
            for start in range(0, len(places), self._config.batch_size):
                batch = places[start : start + self._config.batch_size]
                for place, wave in zip(batch, _say(self._engine(name), [lines[place] for place in batch]), strict=True):
                    takes[place] = wave if isinstance(wave, SpeechError) else _to_16k(wave)
                    self._keep(lines[place], keys[place], takes[place])
        return [takes[place] for place in range(len(lines))]

    def _engine(self, name: str) -> Engine:
        if name not in self._engines:
            self._engines[name] = load_engine(*self._config.engine_named(name))
        return self._engines[name]

    def _cache_of(self, line: Line) -> Cache | None:
        return self._cache if self._engine(line.voice.engine).deterministic else None

    def _keep(self, line: Line, key: str, take: Take) -> None:
        if not isinstance(take, SpeechError) and take.size:  # libsndfile cannot read a FLAC file without samples
            keep(self._cache_of(line), key, encode_flac(take))


def _say(engine: Engine, lines: Sequence[Line]) -> list[Waveform | SpeechError]:
    if isinstance(engine, BatchEngine):
        return engine.speak_batch([line.text for line in lines], [line.voice for line in lines], [line.seed for line in lines])
    said: list[Waveform | SpeechError] = []
    for line in lines:
        try:
            said.append(engine.speak(line.text, line.voice, line.seed))
        except SpeechError as error:
            said.append(error)
    return said


def _to_16k(wave: Waveform) -> npt.NDArray[np.float32]:
    return to_16_bit(soxr.resample(wave.samples, wave.rate, SAMPLE_RATE) if wave.samples.size else wave.samples)
