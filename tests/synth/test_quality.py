import numpy as np
import pytest

from omniforge.synth.config import SynthConfig
from omniforge.synth.flac import to_16_bit
from omniforge.synth.quality import WINDOW, QualityModel
from omniforge.synth.roundtrip import RoundtripConfig
from omniforge.synth.synthesiser import Line, Synthesiser
from omniforge.synth.voices import EMBEDDED_VOICES


@pytest.fixture(scope="module")
def model() -> QualityModel:
    return QualityModel.load()


@pytest.fixture(scope="module")
def speech() -> np.ndarray:
    (take,) = Synthesiser(SynthConfig()).speak([Line("How many people are on the beach?", EMBEDDED_VOICES[12], 1)])
    assert isinstance(take, np.ndarray)
    return take


def test_clean_speech_passes_and_noise_as_loud_does_not(model: QualityModel, speech: np.ndarray) -> None:
    noise = np.random.default_rng(0).standard_normal(speech.size) * np.sqrt(np.mean(speech**2))
    clean, noisy = model.score(speech), model.score(to_16_bit(speech + noise))
    assert noisy < RoundtripConfig().min_quality < clean


def test_the_same_samples_have_the_same_score_in_another_session(model: QualityModel, speech: np.ndarray) -> None:
    assert QualityModel.load().score(speech) == model.score(speech)


def test_every_part_of_a_long_clip_counts() -> None:
    class Means:
        """A model whose overall output is the mean of its window."""

        def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            (window,) = inputs["input_1"]
            assert window.size == WINDOW
            return [np.array([[0.0, 0.0, window.mean()]])]

    long = np.concatenate([np.zeros(WINDOW), np.ones(WINDOW), np.full(10, 2.0)]).astype(np.float32)
    scored = QualityModel(Means(), "means").score(long)
    each = [np.poly1d([-0.06766283, 1.11546468, 0.04602535])(mean) for mean in (0.0, 1.0, 1.0 + 10 / WINDOW)]
    assert scored == pytest.approx(np.mean(each), abs=1e-6)


def test_a_clip_that_fills_the_window_is_scored_once() -> None:
    class Counts:
        windows = 0

        def run(self, _: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
            self.windows += 1
            return [np.zeros((1, 3))]

    counts = Counts()
    QualityModel(counts, "counts").score(np.zeros(WINDOW, np.float32))
    assert counts.windows == 1


def test_nothing_cannot_be_scored(model: QualityModel) -> None:
    with pytest.raises(ValueError, match="no samples"):
        model.score(np.zeros(0, np.float32))
