"""Speech that a small model can learn to make: phrase by phrase, each always the same and in whole codes."""

import re
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from omniforge.synth.tts.engine import Waveform
from omniforge.synth.tts.registry import load_engine
from omniforge.synth.voices import Voice

LEAD, TAIL = 3, 2
"""Codes of silence before the first phrase and behind the last one: the tokenizer loses what begins at once."""

_AUDIBLE = 1e-3
"""Power, of the loudest 10 ms of a phrase, from which sound is not silence."""

_MARGIN = 0.0125
"""Seconds of silence that a phrase has around it at least."""

_KEPT = 8192
"""Phrases of which the sound is remembered; a corpus says the same ones again and again."""

_LEADING = frozenset(
    (
        *("a", "an", "the", "my", "your", "our", "his", "her", "its", "their", "this", "that", "these", "those", "some", "no"),
        *("of", "to", "in", "on", "at", "by", "for", "with", "from", "near"),
        *("under", "over", "above", "below", "past", "left", "right"),
        *("and", "or", "but", "is", "are", "was", "were", "be", "it", "i", "we", "they", "she", "he", "you", "there", "not"),
    )
)
"""Words that are said in one breath with the one behind them."""


class PhrasesEngine:
    """Another engine, given one phrase at a time: a word and the short words that lead up to it.

    Every phrase sounds the same wherever it stands, and begins and ends where a code of the speech tokenizer does, with a
    little silence around it. So it has nearly the same codes in every sentence, which is for a model that learns to speak what
    pictures without chance are for one that learns to draw. It is the speech of somebody who reads slowly and carefully.
    """

    deterministic = True

    def __init__(self, speaks: str = "hibari", codes_per_second: float = 12.5) -> None:
        """Load the engine that says the phrases, for a speech tokenizer of so many codes a second.

        Raises:
            ValueError: there is no such engine, or it does not say the same twice, so that no phrase would be always the same;
                or the number of codes is not positive.
        """
        if not codes_per_second > 0:
            raise ValueError(f"speech engine phrases: codes_per_second is {codes_per_second}; give the tokenizer's")
        self._engine = load_engine(speaks)
        if not self._engine.deterministic:
            raise ValueError(f"speech engine phrases: {speaks} does not say the same text twice alike; name one that does")
        self._codes_per_second = codes_per_second
        self.fingerprint = f"phrases of ({self._engine.fingerprint}) rules 1 {codes_per_second:g} codes/s"
        self._phrase = lru_cache(maxsize=_KEPT)(self._said)

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Say a text phrase by phrase; the seed changes nothing, or no phrase would be the same twice.

        Raises:
            SpeechError: the engine behind cannot read one of the phrases.
            ValueError: it does not know the voice.
        """
        said = [self._phrase(phrase, voice) for phrase in phrases(text)]
        said = [wave for wave in said if wave.samples.any()]
        if not said:
            return Waveform(np.zeros(0, np.float32), 24_000)
        rate = said[0].rate
        code = round(rate / self._codes_per_second)
        parts = [_in_codes(wave.samples, rate, code) for wave in said]
        samples = np.concatenate([np.zeros(LEAD * code, np.float32), *parts, np.zeros(TAIL * code, np.float32)])
        return Waveform(samples, rate)

    def _said(self, phrase: str, voice: Voice) -> Waveform:
        return self._engine.speak(phrase, voice, 0)


def phrases(text: str) -> list[str]:
    """Cut a text into phrases: leading words and the next other one, never across punctuation.

    >>> phrases("Is the red key in my box, Oscar?")
    ['is the red', 'key', 'in my box', 'oscar']
    """
    found: list[str] = []
    for part in re.split(r"[^\w'’\s-]+", text.lower()):
        words: list[str] = []
        for word in part.split():
            words.append(word)
            if word not in _LEADING:
                found.append(" ".join(words))
                words = []
        if words:
            found.append(" ".join(words))
    return found


def _in_codes(samples: npt.NDArray[np.float32], rate: int, code: int) -> npt.NDArray[np.float32]:
    """Put what is audible in the middle of as many whole codes, of `code` samples each, as it needs."""
    window = max(1, rate // 100)
    power = np.convolve(samples.astype(np.float64) ** 2, np.ones(window) / window, "same")
    audible = np.flatnonzero(power > _AUDIBLE * power.max())
    heard = samples[max(0, audible[0] - window) : audible[-1] + 2 * window]
    room = -(-(heard.size + round(_MARGIN * rate)) // code) * code
    before = (room - heard.size) // 2
    return np.pad(heard, (before, room - heard.size - before))
