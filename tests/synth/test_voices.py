import collections
import dataclasses

import pytest

from omniforge.synth.voices import (
    EMBEDDED_VOICES,
    FASTEST_NATIVE_SPEED,
    FLITE_VOICES,
    Voice,
    derive_voices,
    draw_voice,
    expand_tables,
)


def test_the_embedded_voices_are_a_hundred_and_have_different_names() -> None:
    assert len({voice.name for voice in EMBEDDED_VOICES}) == len(EMBEDDED_VOICES) >= 100


def test_no_derived_voice_hurries_the_engine() -> None:
    assert max(voice.rate / voice.formants for voice in EMBEDDED_VOICES) <= FASTEST_NATIVE_SPEED


def test_a_key_always_draws_the_same_voice_whatever_the_order_of_the_table() -> None:
    assert draw_voice("coco-1", EMBEDDED_VOICES) == draw_voice("coco-1", EMBEDDED_VOICES[::-1])


def test_an_excluded_voice_is_not_drawn() -> None:
    drawn = draw_voice("coco-1", EMBEDDED_VOICES)
    assert draw_voice("coco-1", EMBEDDED_VOICES, exclude={drawn.name}) != drawn


def test_all_voices_are_drawn_about_equally_often() -> None:
    table = EMBEDDED_VOICES[:4]
    counts = collections.Counter(draw_voice(f"key-{i}", table).name for i in range(2000))
    assert len(counts) == 4
    assert min(counts.values()) > 400


def test_a_voice_that_goes_moves_only_the_records_it_had() -> None:
    gone, *rest = EMBEDDED_VOICES
    before = {f"key-{i}": draw_voice(f"key-{i}", EMBEDDED_VOICES) for i in range(300)}
    assert all(draw_voice(key, rest) == voice for key, voice in before.items() if voice != gone)


def test_voices_are_drawn_in_proportion_to_their_shares() -> None:
    table = tuple(Voice(name=name, engine="e", speaker="s", share=share) for name, share in (("a", 1.0), ("b", 3.0)))
    counts = collections.Counter(draw_voice(f"key-{i}", table).name for i in range(2000))
    assert 0.71 < counts["b"] / 2000 < 0.79


def test_a_greater_share_only_takes_records_from_others() -> None:
    first, *rest = EMBEDDED_VOICES[:6]
    before = {f"key-{i}": draw_voice(f"key-{i}", (first, *rest)) for i in range(300)}
    after = {key: draw_voice(key, (dataclasses.replace(first, share=4.0), *rest)) for key in before}
    changed = [key for key in before if before[key].name != after[key].name]
    assert changed
    assert all(after[key].name == first.name for key in changed)


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"pitch": 0.0}, "pitch is 0"),
        ({"rate": -1.0}, "rate is -1"),
        ({"share": 0.0}, "share is 0"),
        ({"speaker": " "}, "speaker"),
    ],
)
def test_a_voice_that_cannot_be_is_refused_by_name(wrong: dict, complaint: str) -> None:
    with pytest.raises(ValueError, match=f"voice 'odd'.*{complaint}"):
        Voice(**{"name": "odd", "engine": "hibari", "speaker": "heart"} | wrong)


def test_drawing_from_nothing_says_so() -> None:
    with pytest.raises(ValueError, match="no voice is left"):
        draw_voice("key", EMBEDDED_VOICES, exclude={voice.name for voice in EMBEDDED_VOICES})


def test_about_one_in_fourteen_of_the_embedded_voices_is_held_out() -> None:
    assert 5 <= sum(voice.held_out for voice in EMBEDDED_VOICES) <= 10


def test_a_voice_that_comes_or_goes_changes_no_others_mark() -> None:
    numbers = [(voice.pitch, voice.formants, voice.tilt_db, voice.rate) for voice in EMBEDDED_VOICES]
    assert derive_voices([(0.75, 1.0, 0.0, 1.0), *numbers])[1:] == EMBEDDED_VOICES
    assert derive_voices(numbers[1:]) == EMBEDDED_VOICES[1:]


def test_a_table_is_named_beside_voices_of_ones_own() -> None:
    own = {"name": "mine", "engine": "openai_server", "speaker": "alloy"}
    assert expand_tables(["flite", own]) == (*FLITE_VOICES, own)


def test_an_unknown_table_is_an_error_that_names_those_there_are() -> None:
    with pytest.raises(ValueError, match="no table of voices 'flight'; there are: embedded, flite"):
        expand_tables(["flight"])
