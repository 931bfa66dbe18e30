"""Train the embedded speech tokenizer: synthetic speech in many voices, and recorded speech where a folder has some."""

import logging
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from hibari import Hibari

from omniforge.jobs.tokenizer_config import SpeechTraining, claim_output, trained
from omniforge.jobs.tokenizer_speech_data import SpeechData, read_speech, trainable_length
from omniforge.jobs.tokenizer_speech_sentences import sentences
from omniforge.tokenizers.glm4voice.examples import SpeechExample, collect
from omniforge.tokenizers.glm4voice.export import export
from omniforge.tokenizers.glm4voice.files import SpeechFiles, find_files
from omniforge.tokenizers.glm4voice.mel import OUTPUT_RATE, SAMPLE_RATE, resample
from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer
from omniforge.tokenizers.glm4voice.train_parts import FEATURES, PartSchedules, require_embedded_sizes, train_parts
from omniforge.tokenizers.precision import training_precision

_LOG = logging.getLogger(__name__)
NAME = "glm4voice"
_NO_DATA = SpeechData(texts=[], recordings=[], left_out={}, fingerprint="none")


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


def synthetic_examples(speaker: Speaker, texts: list[str], config: SpeechTraining) -> Iterator[SpeechExample]:
    """Speak as many sentences as the configuration says, in the synthesiser's voice and changed ones, at varied pace."""
    rng = random.Random(config.seed)
    source = sentences(texts, config.seed)
    made = 0
    while made < config.utterances:
        voice = rng.choice(config.voices) if rng.random() < config.changed_share else 1.0
        example = speaker.example(next(source), voice, rng.uniform(0.9, 1.1), rng.getrandbits(31))
        if trainable_length(len(example.heard)) and example.symbols:
            made += 1
            yield example


def train_speech_tokenizer(config: SpeechTraining) -> None:
    """Train a speech tokenizer and write it as a folder that `SpeechTokenizer.load` reads.

    Four stages: the encoder with its codes, the mel that codes mean, the flow from there, the vocoder. Each keeps a checkpoint
    in `output/checkpoints`, moved into place whole. Run again, it goes on from there: it speaks the same sentences, sees the
    same batches and ends with the same weights as a training that was never stopped. It computes on a CPU, with one thread.

    Raises:
        ValueError: `data` does not exist, the weights to start with are not there or of other sizes, or `output` holds a
            training with other settings. Nothing is written then.
    """
    # Sums, and so weights, depend on the number of threads.
    torch.set_num_threads(1)
    output = Path(config.output)
    start, start_fingerprint = (None, None) if config.start is None else _start(config.start)
    speaker = Speaker()
    read = _NO_DATA if config.data is None else read_speech(Path(config.data), speaker.symbols)
    data = {
        "texts": len(read.texts),
        "recordings": len(read.recordings),
        "recordings_left_out": read.left_out,
        "fingerprint": read.fingerprint,
    }
    made_with = {"start": start_fingerprint, "precision": training_precision("cpu")}
    claim_output(output, NAME, trained(config, data, made_with))
    _LOG.info("%d texts, %d recordings read; %d sentences to speak", len(read.texts), len(read.recordings), config.utterances)
    encoder, flow, hift = train_parts(
        collect(synthetic_examples(speaker, read.texts, config), **FEATURES),
        read.recordings,
        PartSchedules(**{name: getattr(config, name) for name in ("heads", "codes", "condition", "velocity", "vocoder")}),
        symbols=speaker.symbol_count,
        recordings_weight=config.recordings_weight,
        start=start,
        checkpoints=output / "checkpoints",
        seed=config.seed,
    )
    export(output, encoder, flow, hift)


def _start(source: str) -> tuple[SpeechFiles, str]:
    files = find_files(source)
    require_embedded_sizes(files, source)
    return files, SpeechTokenizer(files, source).fingerprint
