"""Say utterances, listen to them, and try another voice where they are not understood."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]

from omniforge.schemas.record import Refusal
from omniforge.synth.config import SynthConfig
from omniforge.synth.normalise import normalise
from omniforge.synth.roundtrip import SAMPLE_RATE, Recogniser, judge
from omniforge.synth.tts.engine import Engine, SpeechError, Waveform
from omniforge.synth.tts.registry import load_engine
from omniforge.synth.utterance import Spoken, Utterance
from omniforge.synth.voices import Voice


class Speaker:
    """An engine and a recogniser, loaded once (in a Ray actor: once for each actor).

    What becomes of an utterance depends on that utterance and the config alone, never on what it is batched with.
    """

    def __init__(self, config: SynthConfig, engine: Engine | None = None, recogniser: Recogniser | None = None) -> None:
        """Load what the config names, or take what is given; without verification no recogniser is loaded."""
        self._config = config
        self._engine = engine or load_engine(config.engine, config.engine_options)
        listens = config.verify and config.verify_share > 0
        self._recogniser = (recogniser or Recogniser.load(config.recogniser)) if listens else None

    @property
    def fingerprint(self) -> str:
        """Settings, engine and recogniser in one line, for unit ids and manifests."""
        ears = self._recogniser.fingerprint if self._recogniser else "unverified"
        return f"{self._config.fingerprint()}; {self._engine.fingerprint}; {ears}"

    def speak(self, utterances: Sequence[Utterance]) -> list[Spoken | Refusal]:
        """Say each utterance, the longest first; the results are in the order given.

        A refusal has the reason `roundtrip` (no voice was understood or the sound is bad), `not_speakable` (the engine
        cannot read the text), or is a retryable failure (a server was out of reach).
        """
        results: dict[int, Spoken | Refusal] = {}
        for place in sorted(range(len(utterances)), key=lambda place: -len(utterances[place].text)):
            results[place] = self._say(utterances[place])
        return [results[place] for place in range(len(utterances))]

    def _say(self, utterance: Utterance) -> Spoken | Refusal:
        problems: list[str] = []
        for attempt, voice in enumerate(utterance.voices):
            try:
                samples = _to_16k(self._engine.speak(utterance.text, voice, utterance.seed + attempt))
            except SpeechError as error:
                return _not_spoken(utterance, error)
            heard = self._hear(utterance, samples)
            verdict = judge(utterance.text, heard, samples, self._config.roundtrip)
            if heard is not None and not verdict.ok and self._config.carrier and len(normalise(utterance.text).split()) <= 2:
                heard = self._hear_in_sentence(voice, samples)
                verdict = judge(utterance.text, heard, samples, self._config.roundtrip)
            if verdict.ok:
                return Spoken(
                    role=utterance.role,
                    text=utterance.text,
                    samples=samples,
                    voice=voice,
                    engine=voice.engine,
                    wer=verdict.wer,
                    heard=heard,
                    words_per_second=verdict.words_per_second,
                    silence=verdict.silence,
                )
            problems.append(f"{voice.name}: {verdict.why}")
        return _refusal(utterance, "roundtrip", f"{utterance.role} {utterance.text[:80]!r}: " + " | ".join(problems))

    def _hear(self, utterance: Utterance, samples: npt.NDArray[np.float32]) -> str | None:
        if self._recogniser is None or not self._config.verifies(utterance.key):
            return None
        return self._recogniser.transcribe(samples)

    def _hear_in_sentence(self, voice: Voice, samples: npt.NDArray[np.float32]) -> str:
        """Transcribe one or two words behind a sentence that leads up to them: alone they give a recogniser little to go by."""
        assert self._recogniser is not None
        carrier = self._config.carrier
        before = _to_16k(self._engine.speak(carrier, voice, 0))
        heard, lead = normalise(self._recogniser.transcribe(np.concatenate([before, samples]))), normalise(carrier)
        return heard[len(lead) :].strip() if heard.startswith(lead) else heard


def _to_16k(wave: Waveform) -> npt.NDArray[np.float32]:
    resampled = soxr.resample(wave.samples, wave.rate, SAMPLE_RATE) if wave.samples.size else wave.samples
    return np.asarray(np.clip(resampled, -1.0, 1.0), np.float32)


def _not_spoken(utterance: Utterance, error: SpeechError) -> Refusal:
    if not error.retryable:
        return _refusal(utterance, "not_speakable", f"{utterance.role}: {error}")
    return Refusal(
        source_uri=utterance.source_uri,
        key=utterance.key,
        task=utterance.task,
        reason="exception",
        detail=f"{utterance.role}: {type(error).__name__}: {error}",
        outcome="failed",
        retryable=True,
    )


def _refusal(utterance: Utterance, reason: str, detail: str) -> Refusal:
    return Refusal(source_uri=utterance.source_uri, key=utterance.key, task=utterance.task, reason=reason, detail=detail[:1000])
