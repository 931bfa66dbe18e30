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
    other = replace(VOICE, name="bea", share=3.0, held_out=True, accent="Scottish", tasks=("recited",))
    assert take_key("yes", other, 1, "e") == take_key("yes", VOICE, 1, "e")


def told_apart_by_content(tmp_path: Path, name: str, field: str, named: str) -> bool:
    """Whether a file of other content gives another key, and one of the same content elsewhere the same."""
    keys = []
    for folder, content in (("one", b"one"), ("two", b"two"), ("three", b"one")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(content)
        keys.append(take_key("yes", replace(VOICE, **{field: str(tmp_path / folder / named)}), 1, "e"))
    return keys[0] != keys[1] and keys[0] == keys[2]


def test_another_clip_is_another_take_and_the_same_elsewhere_is_the_same(tmp_path: Path) -> None:
    assert told_apart_by_content(tmp_path, "clip.wav", "reference", "clip.wav")


@pytest.mark.parametrize(("name", "named"), [("x.npy", "x.npy"), ("preset.npz", "preset.npz"), ("preset.npz", "preset")])
def test_a_speaker_in_a_file_is_known_by_what_is_in_it(tmp_path: Path, name: str, named: str) -> None:
    assert told_apart_by_content(tmp_path, name, "speaker", named)


def test_what_was_heard_and_what_was_scored_are_apart_and_of_these_samples() -> None:
    keys = {heard_key(SAMPLES, "m"), score_key(SAMPLES, "m"), heard_key(SAMPLES * 0.5, "m"), heard_key(SAMPLES, "n")}
    assert len(keys) == 4
