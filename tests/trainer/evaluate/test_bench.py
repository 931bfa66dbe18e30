from dataclasses import replace

import numpy as np
import pytest
from evaluation_oracle import Oracle, bench, response

from omniforge.trainer.evaluate.bench import at_speech_rate


def test_sound_without_a_rate_is_an_error_and_silence_an_empty_text() -> None:
    ears = bench(Oracle(1))
    said = response(sound=ears.speech.voices["known voices"]("A star.", ""))
    assert ears.hear(said) == "A star."
    assert ears.hear(response()) == ears.hear(response(sound=np.zeros(0, np.float32))) == ""
    with pytest.raises(ValueError, match="no sample rate"):
        ears.hear(replace(said, sample_rate=None))


def test_speech_is_brought_to_16_khz() -> None:
    assert len(at_speech_rate(np.zeros(22_050, np.float32), 22_050)) == 16_000
