"""The embedded engine: hibari-tts, whose one bundled speaker comes inside its package."""

import textwrap

import hibari
import hibari.dsp
import numpy as np
import numpy.typing as npt
import onnxruntime

from omniforge.synth.tts.engine import SpeechError, Waveform, check_voice, native_speed, shift_formants
from omniforge.synth.voices import Voice

BUNDLED_SPEAKER = "heart"
"""The other speakers of the package are downloaded on first use, so they are not named here."""

_LONGEST_PIECE = 300
"""Characters the network is given at once: its memory grows with the square of the length (6 GB at 10,000 characters)."""


_TILTED_FROM = 500.0
"""Hz from which a tilt is counted."""


class HibariEngine:
    """hibari-tts on one onnxruntime thread: the same samples for the same text, voice and seed in every process.

    Its network gives a fundamental frequency and spectral envelopes, from which a voice's pitch and tilt are made at no cost;
    formants are moved by playing the sound faster or slower.
    """

    deterministic = True

    def __init__(self) -> None:
        self._hibari = hibari.Hibari(voice=BUNDLED_SPEAKER, threads=1)
        self.fingerprint = (
            f"hibari-tts {hibari.__version__} {BUNDLED_SPEAKER} onnxruntime {onnxruntime.__version__} threads=1 derivation 2"
        )

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Say a text with the bundled speaker, changed as the voice says.

        Raises:
            SpeechError: hibari's text front end fails on the text (it does on circled digits and on 40 digits in a row).
            ValueError: the voice is of another speaker, or has a reference clip.
        """
        if voice.speaker != BUNDLED_SPEAKER:
            raise ValueError(
                f"voice {voice.name}: hibari has only {BUNDLED_SPEAKER!r} in its package, not {voice.speaker!r}; "
                "derive voices from it (synth/voices.py) or name another engine."
            )
        check_voice(voice, "hibari", separate=True)
        noise = np.random.default_rng(seed)
        try:
            sentences = [self._say(phonemes, voice, noise) for phonemes in self._hibari.phonemize(_cut(text))]
        except (ValueError, IndexError, KeyError, ArithmeticError) as error:
            raise SpeechError(f"hibari cannot read {text[:80]!r}: {type(error).__name__}: {error}") from error
        return shift_formants(np.concatenate([np.zeros(0, np.float32), *sentences]), hibari.SAMPLE_RATE, voice)

    def _say(self, phonemes: str, voice: Voice, noise: np.random.Generator) -> npt.NDArray[np.float32]:
        """Samples (N,) float32 at 24 kHz of one sentence, for playing `voice.formants` times faster."""
        ids = self._hibari.ids(phonemes)
        if len(ids) < 3:
            return np.zeros(0, np.float32)
        inputs = {"ids": np.asarray([ids], np.int64), "speed": np.asarray([native_speed(voice)], np.float32)}
        harmonic, phase, breath, free, free_phase, fundamental = (part[0] for part in self._hibari.sess.run(None, inputs))
        tilt = _tilt(voice, harmonic.shape[0])
        samples: npt.NDArray[np.float32] = hibari.dsp.synth(
            harmonic + tilt,
            phase,
            breath + tilt,
            free + tilt,
            free_phase,
            fundamental * np.float32(voice.pitch / voice.formants),
            noise,
        )
        return samples


def _tilt(voice: Voice, bins: int) -> npt.NDArray[np.float32]:
    """What a voice's tilt adds to the natural logarithm of the magnitudes, (bins, 1), from 0 Hz to half the rate."""
    frequencies = np.linspace(0, hibari.SAMPLE_RATE / 2, bins) * voice.formants
    octaves = np.log2(np.maximum(frequencies, _TILTED_FROM) / _TILTED_FROM)
    return np.asarray(voice.tilt_db * np.log(10) / 20 * octaves, np.float32)[:, None]


def _cut(text: str) -> str:
    """Put a line break, where hibari takes breath, into sentences that are longer than the network should be given."""
    pieces: list[str] = []
    for sentence in hibari.Hibari.split_sentences(text):
        pieces += textwrap.wrap(sentence, _LONGEST_PIECE, break_on_hyphens=False)
    return "\n".join(pieces)
