import re
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.synth.tts import phrases as module
from omniforge.synth.tts.engine import Waveform
from omniforge.synth.tts.phrases import LEAD, TAIL, PhrasesEngine, phrases
from omniforge.synth.voices import Voice

VOICE = Voice(name="heart", engine="phrases", speaker="heart")
SILENCE = LEAD + TAIL
CODE_SECONDS = 0.08


@pytest.fixture(scope="module")
def engine() -> PhrasesEngine:
    return PhrasesEngine()


def codes(wave: Waveform) -> np.ndarray:
    """The samples of a wave, a row for each code."""
    return wave.samples.reshape(-1, round(CODE_SECONDS * wave.rate))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Where is the white key?", ["where", "is the white", "key"]),
        ("In the morning, I saw it.", ["in the morning", "i saw", "it"]),
        ("It is ten o'clock in Boston.", ["it is ten", "o'clock", "in boston"]),
        ("What color is it?", ["what", "color", "is it"]),
        ("...", []),
    ],
)
def test_a_phrase_is_a_word_and_the_short_ones_that_lead_up_to_it(text: str, expected: list[str]) -> None:
    assert phrases(text) == expected


@given(st.lists(st.sampled_from(["the", "a", "of", "Oscar", "don't", "saw", "box,", "well-known", "it.", "--"]), max_size=12))
def test_phrases_have_every_word_of_a_text_once_and_in_order(words: list[str]) -> None:
    spoken = re.findall(r"[\w'-]*\w[\w'-]*", " ".join(words).lower())
    assert [word for phrase in phrases(" ".join(words)) for word in phrase.split() if re.search(r"\w", word)] == spoken


def test_a_phrase_has_the_same_samples_wherever_it_stands(engine: PhrasesEngine) -> None:
    first = codes(engine.speak("The key, the box.", VOICE, 1))[LEAD:-TAIL]
    second = codes(engine.speak("Oscar, the box, the key.", VOICE, 2))[LEAD:-TAIL]
    key = codes(engine.speak("The key.", VOICE, 3))[LEAD:-TAIL]
    assert np.array_equal(first[: len(key)], key)
    assert np.array_equal(second[-len(key) :], key)


def test_speech_is_whole_codes_and_silent_at_both_ends(engine: PhrasesEngine) -> None:
    spoken = codes(engine.speak("Please close the door.", VOICE, 0))
    assert not spoken[:LEAD].any()
    assert not spoken[-TAIL:].any()
    assert spoken[LEAD:-TAIL].any(axis=1).all()


def test_the_silence_that_an_engine_puts_around_a_word_is_taken_away(engine: PhrasesEngine) -> None:
    spoken = codes(engine.speak("Door.", VOICE, 0))
    assert len(spoken) - SILENCE < 0.8 / CODE_SECONDS
    loud = np.abs(spoken).max(axis=1) > 0.02
    assert loud[LEAD : LEAD + 2].any()
    assert loud[-TAIL - 2 : -TAIL].any()


def test_a_text_without_a_word_is_an_empty_waveform(engine: PhrasesEngine) -> None:
    assert engine.speak("...", VOICE, 0).samples.size == 0


def test_its_fingerprint_names_the_engine_behind_it(engine: PhrasesEngine) -> None:
    assert "hibari-tts" in engine.fingerprint


def test_another_tokenizer_may_have_other_codes_a_second() -> None:
    wave = PhrasesEngine(codes_per_second=25).speak("Please close the door.", VOICE, 0)
    assert wave.samples.size % (wave.rate // 25) == 0
    assert wave.samples[: LEAD * wave.rate // 25].max() == 0 < wave.samples[: LEAD * 2 * wave.rate // 25].max()


def test_codes_of_no_length_are_refused() -> None:
    with pytest.raises(ValueError, match="codes_per_second is 0"):
        PhrasesEngine(codes_per_second=0)


class _Moody:
    fingerprint: ClassVar[str] = "moody"
    deterministic: ClassVar[bool] = False


def test_an_engine_that_never_says_the_same_twice_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "load_engine", lambda name: _Moody())
    with pytest.raises(ValueError, match="moody does not say the same text twice alike"):
        PhrasesEngine(speaks="moody")
