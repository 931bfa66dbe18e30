"""Say utterances, listen to them, and try another voice where they are not understood."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from omniforge.schemas.record import Refusal
from omniforge.synth.augment import augment
from omniforge.synth.cache import Cache
from omniforge.synth.config import SynthConfig
from omniforge.synth.listener import Listener
from omniforge.synth.normalise import normalise
from omniforge.synth.quality import QualityModel
from omniforge.synth.roundtrip import Recogniser, Verdict, judge
from omniforge.synth.synthesiser import Line, Synthesiser, Take
from omniforge.synth.tts.engine import Engine, SpeechError
from omniforge.synth.utterance import Spoken, Utterance
from omniforge.synth.voices import Voice


@dataclass(frozen=True, slots=True)
class _Rejected:
    """Why what a voice said is not kept; `unread` where its engine could not read the text."""

    why: str
    unread: bool = False


class Speaker:
    """Engines, a recogniser and a quality model, loaded once (in a Ray actor: once for each actor).

    What becomes of an utterance depends on that utterance and the config alone: never on a cache, nor on what it is batched
    with, as far as its engine says several texts as it says one.
    """

    def __init__(
        self,
        config: SynthConfig,
        engines: Mapping[str, Engine] | None = None,
        recogniser: Recogniser | None = None,
        quality: QualityModel | None = None,
        cache: Cache | None = None,
    ) -> None:
        """Load what the config names, or take what is given; a `cache` spares saying, hearing and scoring things again."""
        self._config = config
        self._synthesiser = Synthesiser(config, engines, cache)
        self._listener = Listener(config, recogniser, quality, cache)

    @property
    def fingerprint(self) -> str:
        """Settings, engines and listening models in one line, for unit ids and manifests."""
        return f"{self._config.fingerprint()}; {self._synthesiser.fingerprint}; {self._listener.fingerprint}"

    def speak(self, utterances: Sequence[Utterance]) -> list[Spoken | Refusal]:
        """Say each utterance in its first voice, the longest first, then what failed in the next; results in the order given.

        A refusal has the reason `roundtrip` (no voice was understood or the sound is bad), `not_speakable` (no engine can read
        the text), or is a retryable failure (a server was out of reach).
        """
        results: dict[int, Spoken | Refusal] = {}
        rejected: dict[int, list[_Rejected]] = defaultdict(list)
        waiting = sorted(range(len(utterances)), key=lambda place: -len(utterances[place].text))
        attempt = 0
        while waiting:
            lines = [_line(utterances[place], attempt) for place in waiting]
            for place, line, take in zip(waiting, lines, self._synthesiser.speak(lines), strict=True):
                outcome = self._checked(utterances[place], line.voice, take)
                if isinstance(outcome, _Rejected):
                    rejected[place].append(outcome)
                else:
                    results[place] = outcome
            attempt += 1
            for place in waiting:
                if place not in results and attempt == len(utterances[place].voices):
                    results[place] = _given_up(utterances[place], rejected[place])
            waiting = [place for place in waiting if place not in results]
        return [results[place] for place in range(len(utterances))]

    def _checked(self, utterance: Utterance, voice: Voice, take: Take) -> Spoken | Refusal | _Rejected:
        """Listen to a take: what is kept of it, or why another voice should try, or a failure that ends the matter."""
        if isinstance(take, SpeechError):
            return _out_of_reach(utterance, take) if take.retryable else _Rejected(f"cannot be read: {take}", unread=True)
        if problem := judge(utterance.text, None, take, self._config.roundtrip).sound:
            return _Rejected(problem)
        listened = self._listen(utterance, voice, take)
        if isinstance(listened, SpeechError):
            return _out_of_reach(utterance, listened)
        heard, verdict = listened
        if not verdict.ok:
            return _Rejected(verdict.why)
        quality = self._listener.score(utterance.key, take)
        if quality is not None and quality < self._config.roundtrip.min_quality:
            return _Rejected(f"quality {quality:.2f}")
        spoken = Spoken(
            role=utterance.role,
            text=utterance.text,
            samples=take,
            voice=voice,
            engine=voice.engine,
            wer=verdict.wer,
            heard=heard,
            words_per_second=verdict.words_per_second,
            silence=verdict.silence,
            quality=quality,
        )
        return self._augmented(utterance, spoken)

    def _augmented(self, utterance: Utterance, clean: Spoken) -> Spoken | Refusal:
        """Make clean speech sound recorded where the seed says so, and measure what is then stored, which refuses nothing."""
        wanted = self._config.augment
        if utterance.role not in wanted.roles or utterance.task not in wanted.tasks:
            return clean
        samples, augmentation = augment(clean.samples, wanted.effects, utterance.seed)
        if not augmentation:
            return clean
        listened = self._listen(utterance, clean.voice, samples)
        if isinstance(listened, SpeechError):
            return _out_of_reach(utterance, listened)
        heard, measured = listened
        return replace(
            clean,
            samples=samples,
            augmentation=augmentation,
            wer=measured.wer,
            heard=heard,
            words_per_second=measured.words_per_second,
            silence=measured.silence,
            quality=self._listener.score(utterance.key, samples),
        )

    def _listen(
        self, utterance: Utterance, voice: Voice, samples: npt.NDArray[np.float32]
    ) -> tuple[str | None, Verdict] | SpeechError:
        """Hear and judge samples; one or two words that are not understood are heard once more, behind the carrier.

        Gives the error where the engine was out of reach for that sentence.
        """
        limits = self._config.roundtrip
        heard = self._listener.hear(utterance.key, samples)
        verdict = judge(utterance.text, heard, samples, limits)
        if heard is None or not verdict.words or not self._config.carrier or len(normalise(utterance.text).split()) > 2:
            return heard, verdict
        (before,) = self._synthesiser.speak([Line(self._config.carrier, voice, 0)])
        if isinstance(before, SpeechError):
            return before if before.retryable else (heard, verdict)
        heard = self._hear_behind(utterance.key, before, samples) or heard
        return heard, judge(utterance.text, heard, samples, limits)

    def _hear_behind(self, key: str, before: npt.NDArray[np.float32], samples: npt.NDArray[np.float32]) -> str:
        """Transcribe samples behind a sentence that leads up to them: alone, words give a recogniser little to go by."""
        heard = normalise(self._listener.hear(key, np.concatenate([before, samples])) or "")
        lead = normalise(self._config.carrier)
        return heard[len(lead) :].strip() if heard.startswith(lead) else heard


def _line(utterance: Utterance, attempt: int) -> Line:
    return Line(utterance.text, utterance.voices[attempt], utterance.seed + attempt)


def _out_of_reach(utterance: Utterance, error: SpeechError) -> Refusal:
    return Refusal(
        source_uri=utterance.source_uri,
        key=utterance.key,
        task=utterance.task,
        reason="exception",
        detail=f"{utterance.role}: {type(error).__name__}: {error}",
        outcome="failed",
        retryable=True,
    )


def _given_up(utterance: Utterance, rejected: Sequence[_Rejected]) -> Refusal:
    said = " | ".join(f"{voice.name}: {take.why}" for voice, take in zip(utterance.voices, rejected, strict=True))
    return Refusal(
        source_uri=utterance.source_uri,
        key=utterance.key,
        task=utterance.task,
        reason="not_speakable" if all(take.unread for take in rejected) else "roundtrip",
        detail=f"{utterance.role} {utterance.text[:80]!r}: {said}"[:1000],
    )
