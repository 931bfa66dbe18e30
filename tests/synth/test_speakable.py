import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.schemas.quarantine import REASONS
from omniforge.synth.speakable import Role, SpeakableConfig, speakable
from omniforge.synth.tts.engine import SpeechError
from omniforge.synth.tts.hibari import HibariEngine
from omniforge.synth.unspeakable import Unspeakable
from omniforge.synth.voices import EMBEDDED_VOICES

CONFIG = SpeakableConfig()
ADVERSARIAL = json.loads((Path(__file__).parent / "adversarial.json").read_text())


def outcome(entry: dict) -> tuple[str, str | Unspeakable]:
    text = entry["text"] * entry.get("times", 1)
    said = speakable(text, role=entry["role"], config=CONFIG)
    return (said.reason if isinstance(said, Unspeakable) else "said" if said == text else "rewritten"), said


@pytest.mark.parametrize("entry", ADVERSARIAL, ids=[f"{place}-{entry['group']}" for place, entry in enumerate(ADVERSARIAL)])
def test_each_adversarial_text_has_its_documented_outcome(entry: dict) -> None:
    result, said = outcome(entry)
    assert result == entry["outcome"]
    if "said" in entry:
        assert said == entry["said"]


def test_the_adversarial_list_is_long_and_knows_only_reasons_of_the_quarantine() -> None:
    assert len(ADVERSARIAL) >= 300
    assert {entry["outcome"] for entry in ADVERSARIAL} - {"said", "rewritten"} <= set(REASONS)


@pytest.fixture(scope="module")
def engine() -> HibariEngine:
    return HibariEngine()


def test_the_engine_speaks_every_adversarial_text_that_may_be_spoken(engine: HibariEngine) -> None:
    unspoken = []
    for said in sorted({said for entry in ADVERSARIAL if isinstance(said := outcome(entry)[1], str) and len(said) < 100}):
        samples = engine.speak(said, EMBEDDED_VOICES[0], 1).samples
        if not np.isfinite(samples).all() or not samples.size:
            unspoken.append(said)
    assert unspoken == []


def test_the_engine_speaks_or_refuses_every_adversarial_text_that_may_not(engine: HibariEngine) -> None:
    for entry in ADVERSARIAL:
        if entry["outcome"] not in ("said", "rewritten"):
            try:
                samples = engine.speak(entry["text"][:60], EMBEDDED_VOICES[0], 1).samples
            except SpeechError:
                continue
            assert np.isfinite(samples).all()


@pytest.mark.parametrize("text", ["a" * 1_000_000, "1," * 500_000, "_a_" * 400_000], ids=["word", "numbers", "marks"])
def test_a_text_of_a_megabyte_is_refused_unread(text: str) -> None:
    assert speakable(text, role="question", config=CONFIG) == Unspeakable("too_long", f"{len(text)} characters")


def test_a_long_prompt_is_cut_at_a_sentence_end_within_its_budget() -> None:
    said = speakable("A red bus stops here. " * 40, role="prompt", config=SpeakableConfig(max_prompt_seconds=5.0))
    assert said == "A red bus stops here. A red bus stops here."


def test_a_question_is_never_shortened() -> None:
    said = speakable("It is a bus. " * 30 + "Is it red?", role="question", config=CONFIG)
    assert isinstance(said, Unspeakable)
    assert said.reason == "too_long"


@pytest.mark.parametrize(("words", "kept"), [(100, True), (101, False)])
def test_an_answer_of_more_than_a_hundred_words_is_not_spoken(words: int, kept: bool) -> None:
    said = speakable(" ".join(["word"] * words), role="answer", config=CONFIG)
    assert isinstance(said, str) is kept


@given(st.text(max_size=300), st.sampled_from(["question", "answer", "prompt", "sentence"]))
def test_any_text_is_one_line_with_words_or_has_a_known_reason(text: str, role: Role) -> None:
    said = speakable(text, role=role, config=CONFIG)
    if isinstance(said, Unspeakable):
        assert said.reason in REASONS
    else:
        assert "\n" not in said
        assert any(character.isalnum() for character in said)


def test_a_text_all_in_capitals_is_said_as_a_sentence() -> None:
    said = speakable("A LIT UP STREET SIGN. LOOK AT IT!", role="prompt", config=CONFIG)
    assert said == "A lit up street sign. Look at it!"


@pytest.mark.parametrize("text", ["NASA HQ", "The TV shows a map of the USA", "24 7 365 100"])
def test_short_capitals_and_capitals_among_other_letters_stay(text: str) -> None:
    assert speakable(text, role="prompt", config=CONFIG) == text
