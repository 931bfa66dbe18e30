import hashlib
import subprocess
import sys

import numpy as np
import pytest
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
    high = Voice(name="high", engine="hibari", speaker="heart", pitch=1.25)
    assert engine.speak(TEXT, high, 1).seconds == pytest.approx(engine.speak(TEXT, PLAIN, 1).seconds, rel=0.08)


def test_a_faster_voice_is_shorter(engine: HibariEngine) -> None:
    slow, fast = (Voice(name="v", engine="hibari", speaker="heart", rate=rate) for rate in (0.88, 1.15))
    assert engine.speak(TEXT, slow, 1).seconds > 1.1 * engine.speak(TEXT, fast, 1).seconds


def fundamental(samples: np.ndarray) -> float:
    """The strongest lag of the autocorrelation between 80 and 400 Hz, in Hz, of the loudest half second at 16 kHz."""
    loudest = max(range(0, samples.size - 8000, 800), key=lambda start: float(np.square(samples[start : start + 8000]).sum()))
    part = samples[loudest : loudest + 8000] - samples[loudest : loudest + 8000].mean()
    correlation = np.correlate(part, part, "full")[part.size - 1 :]
    return 16000 / (40 + int(np.argmax(correlation[40:200])))


def test_the_pitch_moves_with_the_pitch_factor(engine: HibariEngine) -> None:
    pitches = []
    for factor in (0.8, 1.25):
        wave = engine.speak(TEXT, Voice(name="v", engine="hibari", speaker="heart", pitch=factor), 1)
        pitches.append(fundamental(soxr.resample(wave.samples, wave.rate, 16000)))
    assert pitches[1] / pitches[0] > 1.3


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
