import logging
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from speaking import DictCache

from omniforge.synth.cache import heard_key, keep, recall, score_key, take_key
from omniforge.synth.voices import Voice

VOICE = Voice(name="anna", engine="hibari", speaker="heart", pitch=1.1)
SAMPLES = np.linspace(-1, 1, 100, dtype=np.float32)


def test_what_was_kept_is_recalled() -> None:
    cache = DictCache()
    keep(cache, "ab", b"sound")
    assert recall(cache, "ab") == b"sound"
    assert recall(cache, "cd") is None


def test_nothing_is_recalled_without_a_cache() -> None:
    keep(None, "ab", b"sound")
    assert recall(None, "ab") is None


@pytest.mark.parametrize("damage", [b"", b"short", b"\x00" * 40])
def test_a_damaged_entry_is_not_recalled_and_the_log_names_it(damage: bytes, caplog: pytest.LogCaptureFixture) -> None:
    cache = DictCache()
    keep(cache, "ab", b"sound")
    cache.entries["ab"] = damage
    with caplog.at_level(logging.WARNING):
        assert recall(cache, "ab") is None
    assert "entry ab" in caplog.text
    assert "made again" in caplog.text


def test_an_entry_under_another_name_is_damaged() -> None:
    cache = DictCache()
    keep(cache, "ab", b"sound")
    cache.entries["cd"] = cache.entries["ab"]
    assert recall(cache, "cd") is None


@pytest.mark.parametrize(
    ("text", "voice", "seed", "engine"),
    [
        ("no", VOICE, 1, "e 1"),
        ("yes", replace(VOICE, pitch=1.2), 1, "e 1"),
        ("yes", replace(VOICE, speaker="emma"), 1, "e 1"),
        ("yes", VOICE, 2, "e 1"),
        ("yes", VOICE, 1, "e 2"),
    ],
)
def test_another_text_voice_seed_or_engine_is_another_take(text: str, voice: Voice, seed: int, engine: str) -> None:
    assert take_key(text, voice, seed, engine) != take_key("yes", VOICE, 1, "e 1")


def test_what_changes_no_sound_of_a_voice_keeps_its_takes() -> None:
    other = replace(VOICE, name="bea", share=3.0, held_out=True, accent="Scottish")
    assert take_key("yes", other, 1, "e") == take_key("yes", VOICE, 1, "e")


def test_another_clip_at_the_same_path_is_another_take(tmp_path: Path) -> None:
    keys = set()
    for content in (b"one", b"two"):
        folder = tmp_path / content.decode()
        folder.mkdir()
        clip = folder / "clip.wav"
        clip.write_bytes(content)
        keys.add(take_key("yes", replace(VOICE, reference=str(clip)), 1, "e"))
    (tmp_path / "three").mkdir()
    same = tmp_path / "three" / "clip.wav"
    same.write_bytes(b"one")
    assert take_key("yes", replace(VOICE, reference=str(same)), 1, "e") in keys
    assert len(keys) == 2


def test_what_was_heard_and_what_was_scored_are_apart_and_of_these_samples() -> None:
    keys = {heard_key(SAMPLES, "m"), score_key(SAMPLES, "m"), heard_key(SAMPLES * 0.5, "m"), heard_key(SAMPLES, "n")}
    assert len(keys) == 4
