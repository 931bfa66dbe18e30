from dataclasses import replace

import numpy as np
import pytest
from speaking import BatchToneEngine, DictCache, Ears, Judge, ToneEngine, utterance

from omniforge.schemas.record import Refusal
from omniforge.synth.augment import AugmentConfig, Effect
from omniforge.synth.config import SynthConfig
from omniforge.synth.roles import Role, Task
from omniforge.synth.roundtrip import RoundtripConfig
from omniforge.synth.speak import Speaker
from omniforge.synth.tts.engine import SpeechError
from omniforge.synth.tts.hibari import HibariEngine
from omniforge.synth.utterance import Spoken
from omniforge.synth.voices import EMBEDDED_VOICES

CONFIG = SynthConfig(quality_share=0.0)
SCORED = SynthConfig()


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


def test_a_server_out_of_reach_for_the_carrier_is_a_retryable_failure() -> None:
    engine = ToneEngine(SpeechError("busy", retryable=True), fails_at=CONFIG.carrier)
    (failed,) = Speaker(CONFIG, {"hibari": engine}, Ears("Burt!")).speak([utterance("bird")])
    assert isinstance(failed, Refusal)
    assert (failed.reason, failed.outcome, failed.retryable) == ("exception", "failed", True)


def test_without_a_carrier_that_can_be_read_the_word_stands_as_it_was_heard() -> None:
    engine = ToneEngine(SpeechError("cannot read"), fails_at=CONFIG.carrier)
    (refused,) = Speaker(CONFIG, {"hibari": engine}, Ears("Burt!", "Bert!", "Boat!")).speak([utterance("bird")])
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.retryable) == ("roundtrip", False)


def test_nobody_listens_to_what_sounds_broken() -> None:
    config = replace(CONFIG, roundtrip=RoundtripConfig(min_peak_db=0.0))
    engine = ToneEngine()
    (refused,) = Speaker(config, {"hibari": engine}, Ears()).speak([utterance("bird")])
    assert isinstance(refused, Refusal)
    assert refused.reason == "roundtrip"
    assert "nothing is heard" in refused.detail
    assert {text for text, _, _ in engine.calls} == {"bird"}


@pytest.mark.parametrize("noise", [25.0, 0.0])
def test_an_augmented_word_is_heard_behind_the_carrier_as_the_clean_one_is(noise: float) -> None:
    effect = Effect(kind="noise", share=1.0, low=noise, high=noise)
    ears = Ears("Burt!", "The word is bird.", "Burt!", "The word is bird.")
    speaker = Speaker(replace(CONFIG, augment=AugmentConfig(effects=(effect,))), {"hibari": ToneEngine()}, ears)
    (spoken,) = speaker.speak([utterance("bird")])
    assert isinstance(spoken, Spoken)
    assert spoken.augmentation.startswith("noise ")
    assert (spoken.heard, spoken.wer) == ("bird", 0.0)


def test_a_reason_does_not_hang_on_what_a_message_says() -> None:
    ears = Ears(*[": cannot be read: no"] * 3)
    (refused,) = Speaker(CONFIG, {"hibari": ToneEngine()}, ears).speak([utterance("a red bus stops")])
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
    speaker = Speaker(replace(CONFIG, verify_share=0.0), {"hibari": engine})
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


def test_speech_that_sounds_bad_is_said_by_another_voice() -> None:
    ears, judge = Ears("a red bus stops", "a red bus stops"), Judge(1.5, 3.1)
    (spoken,) = Speaker(SCORED, {"hibari": ToneEngine()}, ears, judge).speak([utterance("a red bus stops")])
    assert isinstance(spoken, Spoken)
    assert (spoken.quality, spoken.voice) == (3.1, EMBEDDED_VOICES[1])


def test_what_sounds_bad_in_every_voice_is_refused_with_its_scores() -> None:
    speaker = Speaker(replace(SCORED, verify_share=0.0), {"hibari": ToneEngine()}, quality=Judge(1.5, 1.25, 1.75))
    (refused,) = speaker.speak([utterance("a red bus stops")])
    assert isinstance(refused, Refusal)
    assert refused.reason == "roundtrip"
    assert "quality 1.25" in refused.detail


def test_what_was_not_understood_is_not_scored() -> None:
    judge = Judge(3.0)
    (spoken,) = Speaker(SCORED, {"hibari": ToneEngine()}, Ears("no", "a red bus stops"), judge).speak(
        [utterance("a red bus stops")]
    )
    assert isinstance(spoken, Spoken)
    assert judge.scores == []


def test_where_one_engine_cannot_read_a_text_a_voice_of_another_speaks() -> None:
    other = replace(EMBEDDED_VOICES[1], engine="openai_server")
    engines = {"hibari": ToneEngine(SpeechError("cannot read")), "openai_server": BatchToneEngine()}
    speaker = Speaker(replace(CONFIG, verify_share=0.0), engines)
    (spoken,) = speaker.speak([utterance("a red bus stops", voices=(EMBEDDED_VOICES[0], other))])
    assert isinstance(spoken, Spoken)
    assert (spoken.engine, spoken.voice) == ("openai_server", other)


def test_augmented_speech_passed_clean_and_is_measured_as_it_is_stored() -> None:
    config = replace(SCORED, augment=AugmentConfig(effects=(Effect(kind="noise", share=1.0, low=0, high=0),)))
    ears, judge = Ears("a red bus stops", "a red bus stomps"), Judge(3.1, 1.2)
    (spoken,) = Speaker(config, {"hibari": ToneEngine()}, ears, judge).speak([utterance("a red bus stops")])
    assert isinstance(spoken, Spoken)
    assert spoken.augmentation.startswith("noise ")
    assert (spoken.heard, spoken.wer, spoken.quality) == ("a red bus stomps", 0.25, 1.2)


@pytest.mark.parametrize(("role", "task"), [("answer", "svqa"), ("speech", "spoken")])
def test_what_a_model_learns_to_say_stays_clean(role: Role, task: Task) -> None:
    config = replace(CONFIG, verify_share=0.0, augment=AugmentConfig(effects=(Effect(kind="noise", share=1.0),)))
    said = replace(utterance("a red bus stops"), role=role, task=task)
    (spoken,) = Speaker(config, {"hibari": ToneEngine()}).speak([said])
    assert isinstance(spoken, Spoken)
    assert spoken.augmentation == ""


def test_a_warm_cache_gives_the_same_and_nothing_is_said_heard_or_scored_again() -> None:
    config = replace(SCORED, augment=AugmentConfig(effects=(Effect(kind="room", share=1.0),)))
    utterances = [utterance("a red bus stops"), utterance("bird", 1)]
    cache, heard = DictCache(), ["a red bus stops", "a red bus stops", "Burt!", "The word is bird.", "bird"]

    def speaker(cache: DictCache | None, ears: Ears, judge: Judge) -> tuple[ToneEngine, Speaker]:
        engine = ToneEngine()
        return engine, Speaker(config, {"hibari": engine}, ears, judge, cache)

    without = speaker(None, Ears(*heard), Judge(3.0, 2.5, 3.0, 2.5))[1].speak(utterances)
    cold = speaker(cache, Ears(*heard), Judge(3.0, 2.5, 3.0, 2.5))[1].speak(utterances)
    engine, warm_speaker = speaker(cache, Ears(), Judge())
    warm = warm_speaker.speak(utterances)
    assert engine.calls == []
    for first, second, third in zip(without, cold, warm, strict=True):
        assert isinstance(first, Spoken)
        assert isinstance(second, Spoken)
        assert isinstance(third, Spoken)
        assert np.array_equal(first.samples, second.samples)
        assert np.array_equal(first.samples, third.samples)
        assert replace(first, samples=None) == replace(second, samples=None) == replace(third, samples=None)


def test_a_damaged_take_is_said_again() -> None:
    config, cache, engine = replace(CONFIG, verify_share=0.0), DictCache(), ToneEngine()
    speaker = Speaker(config, {"hibari": engine}, cache=cache)
    (first,) = speaker.speak([utterance("a red bus stops")])
    (key,) = cache.entries
    sound = cache.entries[key]
    cache.entries[key] = sound[:-1]
    (second,) = speaker.speak([utterance("a red bus stops")])
    assert len(engine.calls) == 2
    assert isinstance(first, Spoken)
    assert isinstance(second, Spoken)
    assert np.array_equal(first.samples, second.samples)
    assert cache.entries[key] == sound
