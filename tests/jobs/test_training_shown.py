"""What a page shows of a model's responses."""

import json
from pathlib import Path

import numpy as np
import soundfile

from omniforge.jobs.training_shown import beside_shown
from omniforge.pipeline.report_cards import Card


def spoken_card(folder: Path, samples: int) -> Card:
    """The card of one text that the shipped model is said to have read out in so many samples."""
    soundfile.write(folder / "output.wav", np.zeros(samples, dtype=np.float32), 16_000)
    entry = {"task": "tts", "key": "one", "steps": 3, "prompt": {"text": "It rains."}, "output": {"sound": "output.wav"}}
    (folder / "showcase.json").write_text(json.dumps([{**entry, "truth": {}, "codec": {}}]))
    return beside_shown("embedded", folder).groups[0].cards[0]


def test_speech_has_a_player(tmp_path: Path) -> None:
    assert [sound.caption for sound in spoken_card(tmp_path, 1600).sounds] == ["the model's"]


def test_a_response_without_speech_is_told_instead_of_given_a_player_of_nothing(tmp_path: Path) -> None:
    card = spoken_card(tmp_path, 0)
    assert card.sounds == []
    assert [(turn.who, turn.text) for turn in card.turns][1:] == [("the model's", "(no sound: not one speech code)")]
