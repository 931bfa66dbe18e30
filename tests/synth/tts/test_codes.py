import numpy as np
import pytest
import soxr
import torch

from omniforge.synth.tts.codes import CodesEngine
from omniforge.synth.tts.hibari import HibariEngine
from omniforge.synth.voices import Voice

VOICE = Voice(name="v", engine="codes", speaker="heart")


@pytest.fixture(scope="module")
def engine() -> CodesEngine:
    torch.set_num_threads(2)
    return CodesEngine()


def test_on_a_cpu_it_runs_on_one_thread(engine: CodesEngine) -> None:
    assert torch.get_num_threads() == 1


def test_what_the_other_engine_says_is_said_again_at_the_same_length(engine: CodesEngine) -> None:
    said, spoken = HibariEngine().speak("A red bus.", VOICE, 1), engine.speak("A red bus.", VOICE, 1)
    assert spoken.rate == 22050
    assert spoken.seconds == pytest.approx(said.seconds, abs=0.1)
    assert not np.allclose(spoken.samples[:8000], soxr.resample(said.samples, said.rate, spoken.rate)[:8000], atol=0.01)


def test_the_same_text_gives_the_same_samples(engine: CodesEngine) -> None:
    assert np.array_equal(engine.speak("Two dogs.", VOICE, 1).samples, engine.speak("Two dogs.", VOICE, 1).samples)


def test_loudness_follows_the_words(engine: CodesEngine) -> None:
    samples = engine.speak("Stop. Then go.", VOICE, 1).samples
    frames = np.sqrt(np.square(samples[: samples.size // 441 * 441].reshape(-1, 441)).mean(1))
    assert frames.max() > 10 * np.quantile(frames, 0.05)


def test_nothing_to_say_is_an_empty_waveform(engine: CodesEngine) -> None:
    assert engine.speak("", VOICE, 1).samples.size == 0


def test_a_speaker_the_other_engine_does_not_have_is_refused(engine: CodesEngine) -> None:
    with pytest.raises(ValueError, match="only 'heart' in its package"):
        engine.speak("Hello.", Voice(name="v", engine="codes", speaker="emma"), 1)


def test_both_and_the_device_are_named_in_the_fingerprint(engine: CodesEngine) -> None:
    assert " on cpu of " in engine.fingerprint
    assert engine.fingerprint.startswith("codes sha256:")
    assert "hibari-tts" in engine.fingerprint
