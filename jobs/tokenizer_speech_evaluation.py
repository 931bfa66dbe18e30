"""`omniforge tokenizer evaluate speech`: what held-out sentences and real speakers are worth after their round trip."""

import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from omniforge.jobs.tokenizer_recordings import read_recordings
from omniforge.jobs.tokenizer_speech_sentences import read_texts, sentences
from omniforge.jobs.tokenizer_speech_training import Speaker
from omniforge.schemas.record import Refusal
from omniforge.synth.roundtrip import Recogniser, normalise, word_errors
from omniforge.tokenizers import registry
from omniforge.tokenizers.evaluation.code_use import code_use
from omniforge.tokenizers.evaluation.interval import rate_interval
from omniforge.tokenizers.glm4voice.mel import SAMPLE_RATE, output_mel, resample

LOG = logging.getLogger(__name__)

NAME = "glm4voice"
SENTENCES = 64
"""Held-out sentences measured in each voice."""
VOICES = (1.0, 0.85, 1.15)
"""Factors of pitch and formants; 1 is the synthesiser's own voice, which is the one that decoding speaks in."""
_MIN_WORDS = 3
_SEED = 0
_MELS = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenRoundTrip:
    """An utterance, its codes, what they decode to, and what a recogniser heard in both.

    Attributes:
        name: What it is, for people.
        text: What is said.
        original: Mono float32 at 16 kHz.
        codes: int64 [codes].
        decoded: Mono float32 at `output_rate`.
        output_rate: Samples a second of `decoded`.
        heard: What the recogniser wrote down of the original.
        heard_decoded: What it wrote down of the decoded speech.
        mel_distance: Mean absolute difference of their log mel spectrograms (natural logarithm, 80 mels).
    """

    name: str
    text: str
    original: NDArray[np.float32]
    codes: NDArray[np.int64]
    decoded: NDArray[np.float32]
    output_rate: int
    heard: str
    heard_decoded: str
    mel_distance: float

    @property
    def words(self) -> int:
        """Words of the text, as the word error rate counts them."""
        return max(1, word_errors(self.text, "")[1])

    def errors(self, heard: str) -> int:
        """Word errors of what was heard."""
        return word_errors(self.text, heard)[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechEvaluation:
    """The report, which holds the same values at every run, and the round trips to listen to: (what they are, trips)."""

    report: dict[str, Any]
    shown: tuple[tuple[str, tuple[SpokenRoundTrip, ...]], ...]


def evaluate_speech_tokenizer(*, source: str, data: str | None, limit: int | None, shown: int = 6) -> SpeechEvaluation:
    """Measure a tokenizer on sentences that training leaves out, and on real speakers.

    Args:
        source: `embedded`, a folder, or whatever else `SpeechTokenizer.load` takes.
        data: Folder with texts and recordings, searched through: its held-out sentences are spoken too, and all its speakers
            are measured, one by one; None for generated sentences alone.
        limit: Only so many sentences in each voice, and so many recordings of each speaker.
        shown: Round trips of each kind to return.

    Raises:
        ValueError: No such weights, or `data` is not there.
    """
    torch.set_num_threads(1)
    ear = _Ear(registry.load("glm4voice", source), Recogniser.load())
    speaker, texts = Speaker(), held_out_sentences([] if data is None else read_texts(data), limit or SENTENCES)
    report: dict[str, Any] = {
        "tokenizer": NAME,
        "fingerprint": ear.tokenizer.fingerprint,
        "recogniser": ear.recogniser.fingerprint,
        "synthetic": {},
    }
    seen = []
    for voice in VOICES:
        LOG.info("%d sentences in voice %s", len(texts), voice)
        spoken = (speaker.example(text, voice, 1.0, number).heard for number, text in enumerate(texts))
        trips = [ear.hear(f"voice {voice}", text, wave) for text, wave in zip(texts, spoken, strict=True)]
        report["synthetic"][str(voice)] = _figures(trips, ear.tokenizer.codebook_size)
        seen.append((f"voice {voice}", tuple(trips[:shown])))
    if data is not None:
        report["recorded"], by_speaker = _recorded(ear, Path(data), limit)
        first = tuple(trip for trips in by_speaker.values() for trip in trips[:1])
        seen.append(("real speakers", first))
    return SpeechEvaluation(report=report, shown=tuple(seen))


def held_out_sentences(texts: list[str], count: int) -> list[str]:
    """Return different sentences of three words or more that training never draws, always the same for the same texts."""
    found: dict[str, str] = {}
    drawn = sentences(texts, _SEED, held_out=True)
    while len(found) < count:
        sentence = next(drawn)
        if len(normalise(sentence).split()) >= _MIN_WORDS:
            found.setdefault(normalise(sentence), sentence)
    return list(found.values())


@dataclass(frozen=True, slots=True)
class _Ear:
    """Tokenizer and recogniser."""

    tokenizer: registry.SpeechTokenizer
    recogniser: Recogniser

    def hear(self, name: str, text: str, original: NDArray[np.float32]) -> SpokenRoundTrip:
        """Send an utterance through its codes and listen to both."""
        rate = self.tokenizer.output_rate
        (codes,) = self.tokenizer.encode([original])
        (decoded,) = self.tokenizer.decode([codes])
        return SpokenRoundTrip(
            name=name,
            text=text,
            original=original,
            codes=codes,
            decoded=decoded,
            output_rate=rate,
            heard=self.recogniser.transcribe(original),
            heard_decoded=self.recogniser.transcribe(resample(torch.from_numpy(decoded), rate, SAMPLE_RATE).numpy()),
            mel_distance=_mel_distance(resample(torch.from_numpy(original), SAMPLE_RATE, rate), torch.from_numpy(decoded)),
        )


def _mel_distance(original: torch.Tensor, decoded: torch.Tensor) -> float:
    length = min(len(original), len(decoded))
    one, other = (output_mel(wave[None, :length], _MELS) for wave in (original, decoded))
    return float((one - other).abs().mean())


def _recorded(ear: _Ear, folder: Path, limit: int | None) -> tuple[dict[str, Any], dict[str, list[SpokenRoundTrip]]]:
    by_speaker: dict[str, list[SpokenRoundTrip]] = defaultdict(list)
    held_out: list[SpokenRoundTrip] = []
    apart: dict[str, bool] = {}
    left_out: dict[str, str] = {}
    for recording in read_recordings(folder):
        if isinstance(recording, Refusal):
            left_out[recording.source_uri] = f"{recording.reason}: {recording.detail}".removesuffix(": ")
            continue
        name = recording.speaker or "unknown"
        if limit is not None and len(by_speaker[name]) == limit:
            continue
        trip = ear.hear(f"speaker {name[:12]}", recording.text, recording.samples)
        by_speaker[name].append(trip)
        apart[name] = recording.held_out and apart.get(name, True)
        if recording.held_out:
            held_out.append(trip)
        LOG.info("%s: %r became %r", recording.name, trip.heard, trip.heard_decoded)
    codebook = ear.tokenizer.codebook_size
    groups: dict[str, Any] = {}
    for what, chosen in (("all", [trip for trips in by_speaker.values() for trip in trips]), ("held_out", held_out)):
        if chosen:
            groups[what] = _figures(chosen, codebook)
    speakers = {name: {"held_out": apart[name], **_figures(trips, codebook)} for name, trips in sorted(by_speaker.items())}
    return {**groups, "speakers": speakers, "left_out": left_out}, by_speaker


def _figures(trips: Sequence[SpokenRoundTrip], codebook: int) -> dict[str, Any]:
    words = [trip.words for trip in trips]
    original = [trip.errors(trip.heard) for trip in trips]
    decoded = [trip.errors(trip.heard_decoded) for trip in trips]
    lost = [after - before for before, after in zip(original, decoded, strict=True)]
    rates = {
        name: {
            "rate": round(sum(errors) / sum(words), 4),
            "interval_95": [round(end, 4) for end in rate_interval(errors, words)],
        }
        for name, errors in (("original", original), ("decoded", decoded), ("difference", lost))
    }
    use = code_use((trip.codes for trip in trips), codebook)
    return {
        "utterances": len(trips),
        "words": sum(words),
        "word_error_rate": rates,
        "mel_distance": round(sum(trip.mel_distance for trip in trips) / len(trips), 3),
        "code_use": {name: round(value, 2) for name, value in asdict(use).items()},
    }
