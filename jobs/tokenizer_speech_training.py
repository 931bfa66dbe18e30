"""Train the embedded speech tokenizer: synthetic speech in many voices, and recorded speech where a folder has some."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import soundfile
import torch
from hibari import Hibari

from omniforge.jobs.tokenizer_speech_sentences import read_texts, sentences
from omniforge.tokenizers.glm4voice.examples import SpeechExample
from omniforge.tokenizers.glm4voice.mel import OUTPUT_RATE, SAMPLE_RATE, resample

_LOG = logging.getLogger(__name__)
# Pitch and formants relative to the voice of the package; multiples of 0.05 keep the resampling filters small.
_VOICES = (0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2)
_MAX_SECONDS = 9.0


class Speaker:
    """The synthesiser with its phoneme alphabet: speaks a sentence in its own voice and, time-aligned, in another."""

    def __init__(self) -> None:
        self._engine = Hibari()
        self._symbols = {symbol: index + 1 for index, symbol in enumerate(sorted(self._engine.vocab)) if symbol.isalpha()}
        self.symbol_count = max(self._symbols.values()) + 1

    def symbols(self, text: str) -> list[int]:
        """Phoneme ids of a text, without stress, pauses and punctuation."""
        return [self._symbols[symbol] for part in self._engine.phonemize(text) for symbol in part if symbol in self._symbols]

    def example(self, text: str, voice: float, pace: float, seed: int) -> SpeechExample:
        """Speak `text` for training.

        Speech `voice` times too slow, played `voice` times too fast, has its usual pace with pitch and formants times
        `voice`. The slow original is the same utterance in the usual voice, aligned to the sample.

        Args:
            text: A sentence.
            voice: Factor of pitch and formants; 1 is the package's own voice.
            pace: Speaking rate; 1 is usual.
            seed: Seed of the synthesiser's noise.
        """
        slow = torch.from_numpy(np.asarray(self._engine(text, speed=pace / voice, seed=seed), dtype=np.float32))
        heard = resample(slow, round(self._engine.sample_rate * voice), SAMPLE_RATE)
        wanted = resample(slow, self._engine.sample_rate, OUTPUT_RATE)
        return SpeechExample(heard=heard.numpy(), wanted=wanted.numpy(), stretch=voice, symbols=self.symbols(text))


def synthetic_examples(speaker: Speaker, texts: list[str], count: int, seed: int) -> Iterator[SpeechExample]:
    """Speak `count` sentences, half of them in the package's voice and half in changed ones, with varied loudness."""
    rng = random.Random(seed)
    source = sentences(texts, seed)
    made = 0
    while made < count:
        voice = 1.0 if rng.random() < 0.5 else rng.choice(_VOICES)
        example = speaker.example(next(source), voice, rng.uniform(0.9, 1.1), rng.getrandbits(31))
        if SAMPLE_RATE // 3 < len(example.heard) < _MAX_SECONDS * SAMPLE_RATE and example.symbols:
            made += 1
            yield example


def _recordings(root: Path) -> Iterator[tuple[Path, str]]:
    for transcript in sorted(root.rglob("*.trans.txt")):
        for line in transcript.read_text(encoding="utf-8").splitlines():
            name, _, text = line.partition(" ")
            yield transcript.parent / f"{name}.flac", text.lower()
    for table in sorted(root.rglob("validated.tsv")):
        header, *rows = table.read_text(encoding="utf-8").splitlines()
        names = header.split("\t")
        for row in rows:
            cells = dict(zip(names, row.split("\t"), strict=False))
            if "path" in cells and "sentence" in cells:
                yield table.parent / "clips" / cells["path"], cells["sentence"]


def recorded_examples(speaker: Speaker, folder: str) -> Iterator[SpeechExample]:
    """Read the recordings of LibriSpeech and Common Voice folders; only their words are learnt, not their voices."""
    for path, text in _recordings(Path(folder)):
        if not path.is_file():
            continue
        try:
            samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        except soundfile.LibsndfileError as error:
            _LOG.warning("%s is left out: %s", path, error)
            continue
        symbols = speaker.symbols(text)
        if not symbols or not rate / 3 < len(samples) < _MAX_SECONDS * rate or not np.isfinite(samples).all():
            continue
        heard = resample(torch.from_numpy(samples[:, 0].copy()), rate, SAMPLE_RATE)
        yield SpeechExample(heard=heard.numpy(), wanted=None, stretch=1.0, symbols=symbols)
