from pathlib import Path

import numpy as np
import pytest

from omniforge.synth.tts import flite
from omniforge.synth.tts.engine import SpeechError
from omniforge.synth.tts.flite import SPEAKERS, FliteEngine
from omniforge.synth.voices import FLITE_VOICES, Voice

TEXT = "A red bus stops at the corner."


@pytest.fixture(scope="module")
def engine() -> FliteEngine:
    return FliteEngine()


def voice(speaker: str = "slt", **numbers: float) -> Voice:
    return Voice(name="v", engine="flite", speaker=speaker, **numbers)


@pytest.mark.parametrize("speaker", SPEAKERS)
def test_each_speaker_says_the_same_every_time_whatever_the_seed(engine: FliteEngine, speaker: str) -> None:
    first, again = (engine.speak(TEXT, voice(speaker), seed) for seed in (1, 2))
    assert 1.2 < first.seconds < 4
    assert np.array_equal(first.samples, again.samples)


def test_a_faster_voice_is_shorter_and_a_higher_one_as_long(engine: FliteEngine) -> None:
    plain, fast, high = (engine.speak(TEXT, v, 0) for v in (voice(), voice(rate=1.3), voice(pitch=1.2, formants=1.2)))
    assert fast.seconds == pytest.approx(plain.seconds / 1.3, rel=0.06)
    assert high.seconds == pytest.approx(plain.seconds, rel=0.06)
    assert high.rate == round(plain.rate * 1.2)


def test_a_text_that_looks_like_an_option_or_a_file_is_said(engine: FliteEngine) -> None:
    assert engine.speak("-o /tmp/there", voice(), 0).seconds > 0.5


def test_letters_with_accents_and_curly_quotes_are_said_as_plain_ones(engine: FliteEngine) -> None:
    accented, plain = (engine.speak(text, voice(), 0).samples for text in ("Zoë’s café", "Zoe's cafe"))
    assert np.array_equal(accented, plain)


@pytest.mark.parametrize("text", ["", " ... ", "日本"])
def test_nothing_that_flite_can_say_is_an_empty_waveform(engine: FliteEngine, text: str) -> None:
    assert engine.speak(text, voice(), 0).samples.size == 0


def test_an_unknown_speaker_is_answered_with_those_there_are(engine: FliteEngine) -> None:
    with pytest.raises(ValueError, match="flite has the speakers awb, kal16, rms, slt, not 'heart'"):
        engine.speak(TEXT, voice("heart"), 0)


def test_pitch_without_formants_is_refused(engine: FliteEngine) -> None:
    with pytest.raises(ValueError, match="flite moves pitch and formants together"):
        engine.speak(TEXT, voice(pitch=0.8), 0)


def test_a_reference_clip_is_refused_by_an_engine_that_does_not_clone(engine: FliteEngine) -> None:
    with pytest.raises(ValueError, match="flite does not clone; leave its reference"):
        engine.speak(TEXT, Voice(name="v", engine="flite", speaker="slt", reference="me.wav"), 0)


def test_a_program_that_is_not_there_says_how_to_get_it() -> None:
    with pytest.raises(ValueError, match="no program 'flute'; install it"):
        FliteEngine("flute")


def test_a_program_that_does_not_say_its_version_is_refused() -> None:
    with pytest.raises(ValueError, match=r"--version says .* and no version of flite"):
        FliteEngine("false")


def program(folder: Path, does: str) -> str:
    """A program that says a version, and otherwise does this."""
    path = folder / "flite"
    path.write_text(f"#!/bin/sh\nif [ $1 = --version ]; then echo '  version: flite-9'; exit; fi\n{does}\n")
    path.chmod(0o755)
    return str(path)


def test_a_program_that_fails_is_a_speech_error(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="flite cannot say") as caught:
        FliteEngine(program(tmp_path, "exit 1")).speak(TEXT, voice(), 0)
    assert not caught.value.retryable


def test_a_program_that_takes_too_long_may_be_asked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flite, "_TIMEOUT", 0.2)
    with pytest.raises(SpeechError, match=r"flite took more than 0\.2 s") as caught:
        FliteEngine(program(tmp_path, "exec sleep 10")).speak(TEXT, voice(), 0)
    assert caught.value.retryable


def test_the_table_names_speakers_there_are_and_holds_them_out() -> None:
    assert {voice.speaker for voice in FLITE_VOICES} <= set(SPEAKERS)
    assert all(voice.held_out for voice in FLITE_VOICES)
