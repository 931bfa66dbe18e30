"""Train the embedded speech tokenizer: synthetic speech in many voices, and recorded speech where a folder has some."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from hibari import Hibari

from omniforge.jobs.tokenizer_recordings import read_recordings
from omniforge.jobs.tokenizer_speech_sentences import read_texts, sentences
from omniforge.schemas.record import Refusal
from omniforge.tokenizers.glm4voice.embedded_sizes import DECODER, MEL_SCALE, TOKENIZER
from omniforge.tokenizers.glm4voice.examples import SpeechExample, collect
from omniforge.tokenizers.glm4voice.export import export
from omniforge.tokenizers.glm4voice.mel import OUTPUT_RATE, SAMPLE_RATE, resample
from omniforge.tokenizers.glm4voice.train_parts import train_parts

_LOG = logging.getLogger(__name__)
# Pitch and formants relative to the voice of the package; multiples of 0.05 keep the resampling filters small.
_VOICES = (0.8, 0.85, 0.9, 0.95, 1.05, 1.1, 1.15, 1.2)
_MAX_SECONDS = 9.0
_MIN_UTTERANCES, _MAX_UTTERANCES, _UTTERANCES_A_STEP = 64, 6000, 2


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


def recorded_examples(speaker: Speaker, folder: str) -> Iterator[SpeechExample]:
    """Read the recordings to train on below a folder; only their words are learnt, not their voices."""
    for recording in read_recordings(Path(folder)):
        if isinstance(recording, Refusal):
            _LOG.warning("%s is left out: %s %s", recording.source_uri, recording.reason, recording.detail)
            continue
        symbols = speaker.symbols(recording.text.lower())
        short = SAMPLE_RATE / 3 < len(recording.samples) < _MAX_SECONDS * SAMPLE_RATE
        if symbols and short and not recording.held_out:
            yield SpeechExample(heard=recording.samples, wanted=None, stretch=1.0, symbols=symbols)


def _card(data: str | None, steps: int, seed: int, spoken: int, recorded: int) -> dict[str, object]:
    return {
        "architecture": "GLM-4-Voice speech tokenizer, flow-matching mel decoder and HiFT vocoder, small instances",
        "trained_by": "omniforge.jobs.tokenizer_speech_training.train_speech_tokenizer",
        "steps": {"codes": steps, "condition": steps, "velocity": steps, "vocoder": steps},
        "seed": seed,
        "speech": {
            "synthetic_utterances": spoken,
            "synthesiser": "hibari-tts (Apache-2.0), its own voice and pitch-shifted ones",
            "recorded_utterances": recorded,
            "recordings": None if data is None else Path(data).name,
        },
        "codes": "2,048, 12.5 a second; learnt from phonemes and from the mel spectrogram in one voice",
        "voice": "whatever voice was encoded, decoding speaks in the synthesiser's own voice",
        "license": "Apache-2.0",
    }


def train_speech_tokenizer(*, data: str | None, output: str, steps: int, seed: int, resume: bool) -> None:
    """Train the embedded speech tokenizer and write it as a folder that `SpeechTokenizer.load` reads.

    Four stages of `steps` steps each: the encoder with its codes, the mel that codes mean, the flow from there, the
    vocoder. Each keeps a checkpoint in `output/checkpoints`, moved into place whole; a resumed run speaks the same
    sentences, sees the same batches and ends as an uninterrupted one.

    Args:
        data: Folder with texts (txt, tsv, json) and recordings (LibriSpeech, Common Voice) to mix in, or None for
            generated sentences alone.
        output: Folder to write.
        steps: Steps of each stage.
        seed: Seed of sentences, voices, weights and batches.
        resume: Continue from the checkpoints of `output`; otherwise start anew.

    Raises:
        ValueError: `data` does not exist, or `steps` is not positive.
    """
    if steps < 1:
        raise ValueError(f"steps is {steps}: give at least 1.")
    texts = [] if data is None else read_texts(data)
    speaker = Speaker()
    count = min(_MAX_UTTERANCES, max(_MIN_UTTERANCES, _UTTERANCES_A_STEP * steps))
    mels, output_mels = TOKENIZER["num_mel_bins"], DECODER["flow"]["output_size"]
    spoken = collect(synthetic_examples(speaker, texts, count, seed), mels=mels, output_mels=output_mels, scale=MEL_SCALE)
    examples = [] if data is None else recorded_examples(speaker, data)
    recorded = collect(examples, mels=mels, output_mels=output_mels, scale=MEL_SCALE)
    _LOG.info("%d sentences spoken, %d recordings read", len(spoken), len(recorded))
    encoder, flow, hift = train_parts(
        spoken,
        recorded,
        symbols=speaker.symbol_count,
        steps=steps,
        checkpoints=Path(output) / "checkpoints",
        seed=seed,
        resume=resume,
    )
    export(Path(output), encoder, flow, hift, _card(data, steps, seed, len(spoken), len(recorded)))
