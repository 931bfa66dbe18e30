"""An engine that says tones, a recogniser that hears what it is told, a cache in memory: what synthetic speech is tested on."""

from collections.abc import Sequence

import numpy as np

from omniforge.synth.tts.engine import SpeechError, Waveform
from omniforge.synth.utterance import Utterance
from omniforge.synth.voices import EMBEDDED_VOICES, Voice


def utterance(text: str, number: int = 0, voices: tuple[Voice, ...] | None = None) -> Utterance:
    return Utterance(
        role="speech",
        text=text,
        voices=voices or EMBEDDED_VOICES[number * 3 : number * 3 + 3],
        seed=number,
        key=f"k{number}",
        source_uri=f"a#{number}",
        task="s2i",
    )


class ToneEngine:
    """Says nothing but a tone of half a second a word, at 24 kHz, between silences; fails as told, at all or some texts."""

    deterministic = True

    def __init__(self, error: SpeechError | None = None, fingerprint: str = "tone 1", fails_at: str = "") -> None:
        self.calls: list[tuple[str, str, int]] = []
        self.error = error
        self.fails_at = fails_at
        self.fingerprint = fingerprint

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        self.calls.append((text, voice.name, seed))
        if self.error and self.fails_at in text:
            raise self.error
        size = 12000 * len(text.split())
        samples = (0.3 * np.sin(np.arange(size) * 0.06 * voice.pitch)).astype(np.float32)
        samples[: size // 10] = samples[-(size // 10) :] = 0.0
        return Waveform(samples, 24000)


class BatchToneEngine(ToneEngine):
    """Says several at once, and remembers how many."""

    def __init__(self) -> None:
        super().__init__(fingerprint="batch tone 1")
        self.batches: list[int] = []

    def speak_batch(self, texts: Sequence[str], voices: Sequence[Voice], seeds: Sequence[int]) -> list[Waveform | SpeechError]:
        self.batches.append(len(texts))
        return [
            SpeechError("cannot read") if text == "unreadable" else self.speak(text, voice, seed)
            for text, voice, seed in zip(texts, voices, seeds, strict=True)
        ]


class Ears:
    """Hears what it is told, in order."""

    fingerprint = "ears 1"

    def __init__(self, *heard: str) -> None:
        self.heard = list(heard)

    def transcribe(self, samples: np.ndarray) -> str:
        return self.heard.pop(0)


class Judge:
    """Gives the scores it is told, in order."""

    fingerprint = "judge 1"

    def __init__(self, *scores: float) -> None:
        self.scores = list(scores)

    def score(self, samples: np.ndarray) -> float:
        return self.scores.pop(0)


class DictCache:
    """A cache in memory."""

    def __init__(self) -> None:
        self.entries: dict[str, bytes] = {}

    def get(self, key: str) -> bytes | None:
        return self.entries.get(key)

    def put(self, key: str, data: bytes) -> None:
        self.entries[key] = data
