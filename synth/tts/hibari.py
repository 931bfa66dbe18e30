"""The embedded engine: hibari-tts, whose one bundled speaker comes inside its package."""

import textwrap

import hibari
import numpy as np
import onnxruntime

from omniforge.synth.tts.engine import SpeechError, Waveform, native_speed, shift_pitch
from omniforge.synth.voices import Voice

BUNDLED_SPEAKER = "heart"
"""The other speakers of the package are downloaded on first use, so they are not named here."""

_LONGEST_PIECE = 300
"""Characters the network is given at once: its memory grows with the square of the length (6 GB at 10,000 characters)."""


class HibariEngine:
    """hibari-tts on one onnxruntime thread: the same samples for the same text, voice and seed in every process."""

    deterministic = True

    def __init__(self) -> None:
        self._hibari = hibari.Hibari(voice=BUNDLED_SPEAKER, threads=1)
        self.fingerprint = f"hibari-tts {hibari.__version__} {BUNDLED_SPEAKER} onnxruntime {onnxruntime.__version__} threads=1"

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Say a text with the bundled speaker, made higher or lower, faster or slower.

        Raises:
            SpeechError: hibari's text front end fails on the text (it does on circled digits and on 40 digits in a row).
            ValueError: the voice is of another speaker.
        """
        if voice.speaker != BUNDLED_SPEAKER:
            raise ValueError(
                f"voice {voice.name}: hibari has only {BUNDLED_SPEAKER!r} in its package, not {voice.speaker!r}; "
                "derive voices from it (synth/voices.py) or name another engine."
            )
        try:
            samples = self._hibari(_cut(text), speed=native_speed(voice), seed=seed)
        except (ValueError, IndexError, KeyError, ArithmeticError) as error:
            raise SpeechError(f"hibari cannot read {text[:80]!r}: {type(error).__name__}: {error}") from error
        return shift_pitch(np.asarray(samples, np.float32), hibari.SAMPLE_RATE, voice)


def _cut(text: str) -> str:
    """Put a line break, where hibari takes breath, into sentences that are longer than the network should be given."""
    pieces: list[str] = []
    for sentence in hibari.Hibari.split_sentences(text):
        pieces += textwrap.wrap(sentence, _LONGEST_PIECE, break_on_hyphens=False)
    return "\n".join(pieces)
