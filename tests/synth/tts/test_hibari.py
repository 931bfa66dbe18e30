import hashlib
import subprocess
import sys

import librosa
import numpy as np
import pytest
import scipy.signal
import soxr

from omniforge.synth.tts.engine import SpeechError
from omniforge.synth.tts.hibari import HibariEngine
from omniforge.synth.voices import EMBEDDED_VOICES, Voice

PLAIN = Voice(name="heart", engine="hibari", speaker="heart")
TEXT = "A red bus stops at the corner."

SAY_AND_HASH = f"""
import hashlib
from omniforge.synth.tts.hibari import HibariEngine
from omniforge.synth.voices import EMBEDDED_VOICES
engine = HibariEngine()
engine.speak("Something else first.", EMBEDDED_VOICES[3], 1)
print(hashlib.sha256(engine.speak({TEXT!r}, EMBEDDED_VOICES[0], 7).samples.tobytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def engine() -> HibariEngine:
    return HibariEngine()


def test_text_voice_and_seed_give_the_same_samples_in_another_process(engine: HibariEngine) -> None:
    here = hashlib.sha256(engine.speak(TEXT, EMBEDDED_VOICES[0], 7).samples.tobytes()).hexdigest()
    there = subprocess.run([sys.executable, "-c", SAY_AND_HASH], capture_output=True, text=True, check=True).stdout.strip()
    assert here == there


def test_another_seed_gives_other_samples(engine: HibariEngine) -> None:
    assert not np.array_equal(engine.speak(TEXT, PLAIN, 1).samples, engine.speak(TEXT, PLAIN, 2).samples)


def test_a_higher_voice_is_as_long_as_the_plain_one(engine: HibariEngine) -> None:
    high = Voice(name="high", engine="hibari", speaker="heart", pitch=1.25, formants=1.25)
    assert engine.speak(TEXT, high, 1).seconds == pytest.approx(engine.speak(TEXT, PLAIN, 1).seconds, rel=0.08)


def test_a_faster_voice_is_shorter(engine: HibariEngine) -> None:
    slow, fast = (Voice(name="v", engine="hibari", speaker="heart", rate=rate) for rate in (0.88, 1.15))
    assert engine.speak(TEXT, slow, 1).seconds > 1.1 * engine.speak(TEXT, fast, 1).seconds


def fundamental(samples: np.ndarray) -> float:
    """Median fundamental frequency in Hz of the loud parts of speech at 16 kHz."""
    pitch = librosa.yin(samples, fmin=70, fmax=450, sr=16000)
    loudness = librosa.feature.rms(y=samples)[0]
    return float(np.median(pitch[loudness > 0.4 * loudness.max()]))


def say(engine: HibariEngine, **numbers: float) -> np.ndarray:
    wave = engine.speak(TEXT, Voice(name="v", engine="hibari", speaker="heart", **numbers), 1)
    return soxr.resample(wave.samples, wave.rate, 16000)


def centroid(samples: np.ndarray) -> float:
    """Mean frequency in Hz, weighted by magnitude."""
    magnitudes = np.abs(np.fft.rfft(samples))
    return float((magnitudes * np.fft.rfftfreq(samples.size, 1 / 16000)).sum() / magnitudes.sum())


@pytest.mark.parametrize("formants", [1.0, 0.85])
def test_the_pitch_is_that_of_the_pitch_factor_whatever_the_formants(engine: HibariEngine, formants: float) -> None:
    low, plain = (fundamental(say(engine, pitch=pitch, formants=formants, rate=formants)) for pitch in (0.7, 1.0))
    assert low / plain == pytest.approx(0.7, rel=0.06)


def stretch(samples: np.ndarray, plain: np.ndarray) -> float:
    """By how much the frequencies of one mean spectrum are to be multiplied so that it looks most like another's."""
    frequencies, ours = scipy.signal.welch(samples, 16000, nperseg=128)
    theirs = scipy.signal.welch(plain, 16000, nperseg=128)[1]
    heard = frequencies < 5000
    factors = np.arange(0.7, 1.4, 0.02)
    likeness = [
        np.corrcoef(np.log(ours[heard]), np.interp(frequencies[heard] / factor, frequencies, np.log(theirs)))[0, 1]
        for factor in factors
    ]
    return float(factors[np.argmax(likeness)])


@pytest.mark.parametrize("formants", [1.2, 0.85])
def test_formants_move_without_the_pitch(engine: HibariEngine, formants: float) -> None:
    moved, plain = say(engine, formants=formants, rate=formants), say(engine)
    assert fundamental(moved) == pytest.approx(fundamental(plain), rel=0.06)
    assert stretch(moved, plain) == pytest.approx(formants, abs=0.08)


def test_a_tilt_makes_a_voice_brighter_or_duller(engine: HibariEngine) -> None:
    assert centroid(say(engine, tilt_db=4.0)) > 1.1 * centroid(say(engine)) > 1.2 * centroid(say(engine, tilt_db=-4.0))


def test_a_gain_is_added_and_never_clips(engine: HibariEngine) -> None:
    plain, soft, loud = (np.abs(say(engine, gain_db=gain)).max() for gain in (0.0, -6.0, 30.0))
    assert soft / plain == pytest.approx(0.501, abs=0.01)
    assert loud < 1.0


def test_a_long_text_without_stops_is_spoken_in_pieces(engine: HibariEngine) -> None:
    assert 40 < engine.speak("word " * 200, PLAIN, 1).seconds < 180


def test_nothing_to_say_is_an_empty_waveform(engine: HibariEngine) -> None:
    assert engine.speak("", PLAIN, 1).samples.size == 0


def test_what_the_front_end_cannot_read_is_a_speech_error(engine: HibariEngine) -> None:
    with pytest.raises(SpeechError, match="hibari cannot read"):
        engine.speak("1" * 50, PLAIN, 1)


def test_a_speaker_that_would_be_downloaded_is_refused(engine: HibariEngine) -> None:
    with pytest.raises(ValueError, match="only 'heart' in its package"):
        engine.speak(TEXT, Voice(name="emma", engine="hibari", speaker="emma"), 1)
