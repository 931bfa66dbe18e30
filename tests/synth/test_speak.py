from dataclasses import replace

import numpy as np
import pytest

from omniforge.schemas.record import Refusal
from omniforge.synth.config import SynthConfig
from omniforge.synth.speak import Speaker
from omniforge.synth.tts.engine import SpeechError, Waveform
from omniforge.synth.tts.hibari import HibariEngine
from omniforge.synth.utterance import Spoken, Utterance
from omniforge.synth.voices import EMBEDDED_VOICES, Voice

CONFIG = SynthConfig(quality_share=0.0)


def utterance(text: str, number: int = 0) -> Utterance:
    voices = EMBEDDED_VOICES[number * 3 : number * 3 + 3]
    return Utterance(
        role="speech", text=text, voices=voices, seed=number, key=f"k{number}", source_uri=f"a#{number}", task="s2i"
    )


class ToneEngine:
    """Says nothing but a tone of half a second a word, at 24 kHz, between silences; fails as told."""

    fingerprint = "tone 1"
    deterministic = True

    def __init__(self, error: SpeechError | None = None) -> None:
        self.calls: list[tuple[str, str, int]] = []
        self.error = error

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        self.calls.append((text, voice.name, seed))
        if self.error:
            raise self.error
        size = 12000 * len(text.split())
        samples = (0.3 * np.sin(np.arange(size) * 0.06)).astype(np.float32)
        samples[: size // 10] = samples[-(size // 10) :] = 0.0
        return Waveform(samples, 24000)


class Ears:
    """Hears what it is told, in order."""

    fingerprint = "ears 1"

    def __init__(self, *heard: str) -> None:
        self.heard = list(heard)

    def transcribe(self, samples: np.ndarray) -> str:
        return self.heard.pop(0)


def test_speech_that_is_understood_is_kept_with_its_measures() -> None:
    (spoken,) = Speaker(CONFIG, {"hibari": ToneEngine()}, Ears("A red bus stops.")).speak([utterance("a red bus stops")])
    assert isinstance(spoken, Spoken)
    assert (spoken.wer, spoken.heard, spoken.voice, spoken.seconds) == (0.0, "A red bus stops.", EMBEDDED_VOICES[0], 2.0)


def test_another_voice_is_tried_where_the_first_is_not_understood() -> None:
    engine = ToneEngine()
    (spoken,) = Speaker(CONFIG, {"hibari": engine}, Ears("a bread bust dogs", "a red bus stops")).speak(
        [utterance("a red bus stops")]
    )
    assert isinstance(spoken, Spoken)
    assert spoken.voice == EMBEDDED_VOICES[1]
    assert [(voice, seed) for _, voice, seed in engine.calls] == [(EMBEDDED_VOICES[0].name, 0), (EMBEDDED_VOICES[1].name, 1)]


def test_what_no_voice_makes_understood_is_refused_with_what_was_heard() -> None:
    (refused,) = Speaker(CONFIG, {"hibari": ToneEngine()}, Ears("no", "no", "nothing")).speak([utterance("a red bus stops")])
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.outcome, refused.source_uri, refused.task) == ("roundtrip", "refused", "a#0", "s2i")
    assert "wer 1.00" in refused.detail
    assert "nothing" in refused.detail


def test_a_single_word_is_heard_again_behind_a_carrier() -> None:
    engine = ToneEngine()
    (spoken,) = Speaker(CONFIG, {"hibari": engine}, Ears("Burt!", "The word is... Bird.")).speak([utterance("bird")])
    assert isinstance(spoken, Spoken)
    assert (spoken.voice, spoken.heard, spoken.seconds) == (EMBEDDED_VOICES[0], "bird", 0.5)
    assert [text for text, _, _ in engine.calls] == ["bird", CONFIG.carrier]


def test_a_wrong_word_is_refused_behind_the_carrier_too() -> None:
    heard = ["Boat.", "The word is boat."] * 3
    (refused,) = Speaker(CONFIG, {"hibari": ToneEngine()}, Ears(*heard)).speak([utterance("bird")])
    assert isinstance(refused, Refusal)
    assert refused.reason == "roundtrip"


def test_without_a_carrier_the_next_voice_is_tried() -> None:
    (spoken,) = Speaker(replace(CONFIG, carrier=""), {"hibari": ToneEngine()}, Ears("Burt!", "bird")).speak([utterance("bird")])
    assert isinstance(spoken, Spoken)
    assert spoken.voice == EMBEDDED_VOICES[1]


def test_a_text_the_engine_cannot_read_is_refused() -> None:
    (refused,) = Speaker(CONFIG, {"hibari": ToneEngine(SpeechError("cannot read"))}, Ears()).speak([utterance("x")])
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.outcome, refused.retryable) == ("not_speakable", "refused", False)


def test_a_server_out_of_reach_is_a_retryable_failure() -> None:
    (failed,) = Speaker(CONFIG, {"hibari": ToneEngine(SpeechError("busy", retryable=True))}, Ears()).speak([utterance("x")])
    assert isinstance(failed, Refusal)
    assert (failed.reason, failed.outcome, failed.retryable) == ("exception", "failed", True)


def test_results_are_in_the_order_given_though_the_longest_is_said_first() -> None:
    engine = ToneEngine()
    texts = ["one two three", "one two three four five six", "one two three four"]
    speaker = Speaker(replace(CONFIG, verify=False), {"hibari": engine})
    results = speaker.speak([utterance(text, number) for number, text in enumerate(texts)])
    assert [result.text for result in results if isinstance(result, Spoken)] == texts
    assert engine.calls[0][0] == texts[1]


def test_without_verification_nobody_listens_but_the_sound_is_measured() -> None:
    (spoken,) = Speaker(replace(CONFIG, verify_share=0.0), {"hibari": ToneEngine()}).speak([utterance("a red bus stops")])
    assert isinstance(spoken, Spoken)
    assert (spoken.wer, spoken.heard) == (None, None)
    assert spoken.words_per_second == pytest.approx(2.0)


def test_the_fingerprint_names_settings_engine_and_recogniser() -> None:
    fingerprint = Speaker(CONFIG, {"hibari": ToneEngine()}, Ears()).fingerprint
    assert fingerprint == f"{CONFIG.fingerprint()}; tone 1; ears 1; unscored"


def test_the_embedded_engine_is_understood_and_does_not_depend_on_the_batch() -> None:
    speaker = Speaker(CONFIG, {"hibari": HibariEngine()})
    utterances = [utterance("What colour is the bus?", 1), utterance("Three.", 2), utterance("A cat sleeps on a grey sofa.", 3)]
    together = speaker.speak(utterances)
    alone = [result for one in reversed(utterances) for result in speaker.speak([one])][::-1]
    assert all(isinstance(result, Spoken) for result in together)
    for first, second in zip(together, alone, strict=True):
        assert isinstance(first, Spoken)
        assert isinstance(second, Spoken)
        assert np.array_equal(first.samples, second.samples)
        assert (first.heard, first.voice) == (second.heard, second.voice)
