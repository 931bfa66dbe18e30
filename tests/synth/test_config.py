from dataclasses import replace

import pytest

from omniforge.synth.config import SynthConfig
from omniforge.synth.roundtrip import RoundtripConfig
from omniforge.synth.voices import EMBEDDED_VOICES, Voice


def test_equal_settings_have_equal_fingerprints_and_others_have_others() -> None:
    assert SynthConfig().fingerprint() == SynthConfig().fingerprint()
    changed = [
        SynthConfig(retries=1),
        SynthConfig(roundtrip=RoundtripConfig(max_wer=0.2)),
        SynthConfig(voices=EMBEDDED_VOICES[:5]),
        SynthConfig(verify_share=0.5),
    ]
    assert len({SynthConfig().fingerprint(), *(config.fingerprint() for config in changed)}) == 5


def test_what_changes_no_sample_leaves_the_fingerprint_alone() -> None:
    renamed = tuple(replace(voice, accent="any") for voice in EMBEDDED_VOICES)
    assert SynthConfig(batch_size=3, voices=renamed).fingerprint() == SynthConfig().fingerprint()


@pytest.mark.parametrize(("share", "low", "high"), [(0.0, 0, 0), (0.3, 500, 700), (1.0, 2000, 2000)])
def test_the_share_of_verified_records_is_the_one_asked_for(share: float, low: int, high: int) -> None:
    config = SynthConfig(verify_share=share)
    assert low <= sum(config.verifies(f"key-{place}") for place in range(2000)) <= high


def test_only_held_out_voices_speak_the_test_split_and_they_speak_nothing_else() -> None:
    config = SynthConfig()
    assert {voice.held_out for voice in config.voices_of("test")} == {True}
    assert {voice.held_out for voice in config.voices_of("train")} == {False}
    assert config.voices_of("train") == config.voices_of("val")
    assert {*config.voices_of("test"), *config.voices_of("train")} == {*EMBEDDED_VOICES}


def test_without_held_out_voices_all_splits_have_the_same_ones() -> None:
    voices = tuple(replace(voice, held_out=False) for voice in EMBEDDED_VOICES)
    assert SynthConfig(voices=voices).voices_of("test") == SynthConfig(voices=voices).voices_of("train") == voices


def test_voices_that_name_a_task_speak_for_it_alone_and_others_leave_it_to_them() -> None:
    reciter = Voice(name="reciter", engine="hibari", speaker="heart", tasks=("recited",))
    config = SynthConfig(voices=(*EMBEDDED_VOICES, reciter))
    assert config.voices_of("train", "recited") == config.voices_of("test", "recited") == (reciter,)
    assert config.voices_of("train", "spoken") == config.voices_of("train") == SynthConfig().voices_of("train")


def test_without_a_voice_that_names_it_a_task_is_spoken_by_all() -> None:
    assert SynthConfig().voices_of("train", "recited") == SynthConfig().voices_of("train")


def test_a_voice_with_tasks_is_part_of_the_fingerprint() -> None:
    voices = (*EMBEDDED_VOICES[:-1], replace(EMBEDDED_VOICES[-1], tasks=("s2i",)))
    assert SynthConfig(voices=voices).fingerprint() != SynthConfig().fingerprint()


def test_one_kind_of_engine_stands_there_twice_under_names_of_its_own() -> None:
    voices = (*EMBEDDED_VOICES, Voice(name="x", engine="near", speaker="x"), Voice(name="y", engine="far", speaker="x"))
    engines = {
        "near": {"engine": "openai_server", "url": "http://near"},
        "far": {"engine": "openai_server", "url": "http://far"},
    }
    config = SynthConfig(voices=voices, engines=engines)
    assert config.engine_named("far") == ("openai_server", {"url": "http://far"})
    assert config.engine_named("hibari") == ("hibari", {})


def test_a_larger_share_verifies_all_that_a_smaller_one_does() -> None:
    keys = [f"key-{place}" for place in range(500)]
    few, many = ({key for key in keys if SynthConfig(verify_share=share).verifies(key)} for share in (0.2, 0.6))
    assert few < many


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"voices": EMBEDDED_VOICES[:1]}, "at least 2"),
        ({"voices": EMBEDDED_VOICES[:2] * 2}, "two have one name"),
        ({"voices": (*EMBEDDED_VOICES, Voice(name="x", engine="other", speaker="x"))}, "no engine 'other'"),
        ({"voices": EMBEDDED_VOICES[:3]}, "1 for the test split"),
        ({"voices": tuple(replace(voice, held_out=True) for voice in EMBEDDED_VOICES)}, "0 for the train split"),
        ({"engines": {"mine": {"engine": "other"}}}, "mine: there is no engine 'other'"),
        ({"retries": -1}, "must be 0 or more"),
        ({"verify_share": 1.5}, "from 0 to 1"),
        ({"quality_share": -0.5}, "from 0 to 1"),
        ({"batch_size": 0}, "1 or more"),
    ],
)
def test_settings_that_make_no_sense_are_named(settings: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        replace(SynthConfig(), **settings)
