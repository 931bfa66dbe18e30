from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from speaking import BatchToneEngine, DictCache, ToneEngine

from omniforge.synth.config import SynthConfig
from omniforge.synth.flac import to_16_bit
from omniforge.synth.synthesiser import Line, Synthesiser
from omniforge.synth.tts.engine import SpeechError
from omniforge.synth.voices import EMBEDDED_VOICES, Voice

FIRST, SECOND = EMBEDDED_VOICES[:2]
OTHER = Voice(name="o", engine="other", speaker="x")
CONFIG = SynthConfig(voices=(FIRST, SECOND, OTHER), engines={"other": {"engine": "hibari"}}, batch_size=2)


def test_each_voice_speaks_through_its_own_engine() -> None:
    engines = {"hibari": ToneEngine(), "other": ToneEngine(fingerprint="tone 2")}
    Synthesiser(CONFIG, engines).speak([Line("one", FIRST, 1), Line("two", OTHER, 2), Line("three", SECOND, 3)])
    assert [text for text, _, _ in engines["hibari"].calls] == ["one", "three"]
    assert engines["other"].calls == [("two", "o", 2)]


def test_takes_are_16_khz_that_16_bits_hold() -> None:
    (take,) = Synthesiser(CONFIG, {"hibari": ToneEngine()}).speak([Line("one two", FIRST, 1)])
    assert isinstance(take, np.ndarray)
    assert take.size == 16000
    assert np.array_equal(take, to_16_bit(take))


def test_an_engine_that_can_gets_several_lines_at_once() -> None:
    engine = BatchToneEngine()
    lines = [Line(text, FIRST, 1) for text in ("a", "unreadable", "c", "d", "e")]
    takes = Synthesiser(CONFIG, {"hibari": engine}).speak(lines)
    assert engine.batches == [2, 2, 1]
    assert [isinstance(take, SpeechError) for take in takes] == [False, True, False, False, False]


def test_only_what_the_cache_lacks_is_said() -> None:
    cache, engine = DictCache(), BatchToneEngine()
    synthesiser = Synthesiser(CONFIG, {"hibari": engine}, cache)
    synthesiser.speak([Line("a", FIRST, 1), Line("b b", FIRST, 1)])
    takes = synthesiser.speak([Line("c c c", FIRST, 1), Line("b b", FIRST, 1), Line("a", FIRST, 1)])
    assert [text for text, _, _ in engine.calls] == ["a", "b b", "c c c"]
    assert [take.size for take in takes if isinstance(take, np.ndarray)] == [24000, 16000, 8000]


def test_what_an_engine_says_that_may_say_it_otherwise_tomorrow_is_not_kept() -> None:
    cache, engine = DictCache(), ToneEngine()
    engine.deterministic = False
    synthesiser = Synthesiser(CONFIG, {"hibari": engine}, cache)
    for _ in range(2):
        synthesiser.speak([Line("a", FIRST, 1)])
    assert len(engine.calls) == 2
    assert cache.entries == {}


def test_what_was_said_of_nothing_is_not_kept() -> None:
    cache = DictCache()
    (take,) = Synthesiser(CONFIG, {"hibari": ToneEngine()}, cache).speak([Line("", FIRST, 1)])
    assert isinstance(take, np.ndarray)
    assert take.size == 0
    assert cache.entries == {}


def test_an_engine_is_loaded_when_its_voice_speaks_and_not_before() -> None:
    broken = replace(CONFIG, engines={"other": {"engine": "hibari", "no_such_option": 1}})
    synthesiser = Synthesiser(broken, {"hibari": ToneEngine()})
    synthesiser.speak([Line("one", FIRST, 1)])
    with pytest.raises(ValueError, match="no_such_option"):
        synthesiser.speak([Line("two", OTHER, 2)])


@pytest.mark.parametrize(("field", "name"), [("reference", "clip.wav"), ("speaker", "x-vector.npy")])
def test_another_file_behind_a_voice_is_another_fingerprint(tmp_path: Path, field: str, name: str) -> None:
    engines, fingerprints = {"hibari": ToneEngine(), "other": ToneEngine()}, []
    for folder, content in (("one", b"one"), ("two", b"two"), ("three", b"one")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_bytes(content)
        config = replace(CONFIG, voices=(FIRST, SECOND, replace(OTHER, **{field: str(tmp_path / folder / name)})))
        fingerprints.append(Synthesiser(config, engines).fingerprint)
    assert fingerprints[0] == fingerprints[2] != fingerprints[1]


def test_the_fingerprint_names_every_engine_of_the_table() -> None:
    engines = {"hibari": ToneEngine(), "other": ToneEngine(fingerprint="tone 2")}
    assert Synthesiser(CONFIG, engines).fingerprint == "tone 1; tone 2"
