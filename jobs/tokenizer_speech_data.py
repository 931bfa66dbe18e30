"""What a folder holds to train the speech tokenizer on: texts and recordings without those that evaluation measures."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from omniforge.jobs.tokenizer_config import contents_fingerprint
from omniforge.jobs.tokenizer_held_out import plain_words
from omniforge.jobs.tokenizer_recordings import Recording, read_recordings
from omniforge.jobs.tokenizer_speech_sentences import holds_held_out_text, read_texts, split_sentences
from omniforge.schemas.record import Refusal
from omniforge.tokenizers.glm4voice.examples import SpeechExample, SpeechFeatures, featurise
from omniforge.tokenizers.glm4voice.mel import SAMPLE_RATE
from omniforge.tokenizers.glm4voice.train_parts import FEATURES

_LOG = logging.getLogger(__name__)
LONGEST_SECONDS = 9.0
_SHORTEST_SECONDS = 1 / 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeechData:
    """What is trained on.

    Attributes:
        texts: Sentences to speak.
        recordings: Features of recordings; only their words are learnt, not their voices.
        left_out: Recordings that are not trained on, counted by reason, sorted.
        fingerprint: Of the texts, and of name, transcript and samples of the recordings, `sha256:<16 hex>`.
    """

    texts: list[str]
    recordings: list[SpeechFeatures]
    left_out: dict[str, int]
    fingerprint: str


def trainable_length(samples: int) -> bool:
    """Tell whether an utterance of that many samples at 16 kHz is neither too short nor too long to train on."""
    return _SHORTEST_SECONDS * SAMPLE_RATE < samples < LONGEST_SECONDS * SAMPLE_RATE


def read_speech(folder: Path, symbols: Callable[[str], list[int]]) -> SpeechData:
    """Read the texts and recordings to train on below a folder.

    Left out are recordings of held-out speakers; recordings of held-out sentences, whoever says them, since evaluation speaks
    those; and texts that a held-out speaker says, since evaluation measures whether those words come through.

    Args:
        folder: Searched through.
        symbols: Phoneme ids of a text.

    Raises:
        ValueError: The folder does not exist.
    """
    recordings: list[SpeechFeatures] = []
    contents: list[bytes] = []
    left_out: Counter[str] = Counter()
    said_by_held_out: set[str] = set()
    for item in read_recordings(folder):
        if isinstance(item, Refusal):
            _LOG.warning("%s is left out: %s %s", item.source_uri, item.reason, item.detail)
            left_out[item.reason] += 1
            continue
        if item.held_out:
            said_by_held_out |= {plain_words(text) for text in (item.text, *split_sentences(item.text))}
        ids = symbols(item.text.lower())
        if reason := _why_left_out(item, ids):
            _LOG.info("%s is left out: %s", item.name, reason)
            left_out[reason] += 1
            continue
        example = SpeechExample(heard=item.samples, wanted=None, stretch=1.0, symbols=ids)
        recordings.append(featurise(example, **FEATURES))
        # Of features the last bits differ from one processor to another.
        contents.append(contents_fingerprint((item.name.encode(), item.text.encode(), item.samples.tobytes())).encode())
    texts = [text for text in read_texts(str(folder)) if plain_words(text) not in said_by_held_out]
    return SpeechData(
        texts=texts,
        recordings=recordings,
        left_out=dict(sorted(left_out.items())),
        fingerprint=contents_fingerprint([*map(str.encode, texts), *contents]),
    )


def _why_left_out(recording: Recording, symbols: list[int]) -> str | None:
    if recording.held_out:
        return "held_out_speaker"
    if holds_held_out_text(recording.text):
        return "held_out_text"
    if not trainable_length(len(recording.samples)):
        return "too_long" if len(recording.samples) > SAMPLE_RATE else "too_short"
    return None if symbols else "no_phonemes"
