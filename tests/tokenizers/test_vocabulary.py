"""The id space: ranges, round trips, and what a layout refuses."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.tokenizers.vocabulary import BASE_SPECIALS, PRODUCTION, Vocabulary, VocabularyLayout, control_tokens

sizes = st.integers(min_value=1, max_value=20_000)
layouts = st.builds(VocabularyLayout, text_size=sizes, speech_codes=sizes, image_codes=sizes)


@given(layouts)
def test_ranges_are_disjoint_and_cover_every_id_once(layout: VocabularyLayout) -> None:
    vocabulary = Vocabulary(layout)
    ranges = (vocabulary.text, vocabulary.specials, vocabulary.speech, vocabulary.image)
    assert ranges[0].start == 0
    assert all(left.stop == right.start for left, right in pairwise(ranges))
    assert ranges[-1].stop == vocabulary.size


@given(layouts)
def test_control_tokens_fill_their_range_in_the_order_of_the_description(layout: VocabularyLayout) -> None:
    vocabulary = Vocabulary(layout)
    assert list(vocabulary.special_ids.values()) == list(vocabulary.specials)
    assert list(vocabulary.special_ids) == [*layout.base_specials, *layout.modality_specials]


@given(layouts, st.data())
def test_codes_round_trip_through_their_ids(layout: VocabularyLayout, data: st.DataObject) -> None:
    vocabulary = Vocabulary(layout)
    speech = data.draw(st.lists(st.integers(0, layout.speech_codes - 1)))
    image = data.draw(st.lists(st.integers(0, layout.image_codes - 1)))
    assert vocabulary.speech_codes(vocabulary.speech_ids(speech)).tolist() == speech
    assert vocabulary.image_codes(vocabulary.image_ids(image)).tolist() == image
    assert all(vocabulary.speech_id(code) in vocabulary.speech for code in speech)
    assert all(vocabulary.image_id(code) in vocabulary.image for code in image)


@given(layouts, layouts)
def test_fingerprints_are_equal_exactly_when_the_layouts_are(one: VocabularyLayout, other: VocabularyLayout) -> None:
    assert (Vocabulary(one).fingerprint == Vocabulary(other).fingerprint) == (one == other)


def test_a_fingerprint_depends_on_the_order_of_the_control_tokens() -> None:
    turned = replace(PRODUCTION, base_specials=tuple(reversed(BASE_SPECIALS)))
    assert Vocabulary(turned).fingerprint != Vocabulary(PRODUCTION).fingerprint


@pytest.mark.parametrize("name", ["text_size", "speech_codes", "image_codes"])
def test_a_layout_without_one_of_its_parts_is_refused_by_name(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        replace(PRODUCTION, **{name: 0})


def test_a_control_token_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match=r"im_end.*more than once"):
        replace(PRODUCTION, base_specials=(*BASE_SPECIALS, "<|im_end|>"))


def test_a_layout_without_the_mask_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mask.*absent"):
        replace(PRODUCTION, base_specials=BASE_SPECIALS[:-1])


@pytest.mark.parametrize("code", [-1, 8_192])
def test_a_code_outside_the_codebook_is_refused_with_the_range(code: int) -> None:
    with pytest.raises(ValueError, match=r"0\.\.8191"):
        Vocabulary(PRODUCTION).image_id(code)


def test_codes_that_are_no_integers_are_refused() -> None:
    with pytest.raises(ValueError, match="float64"):
        Vocabulary(PRODUCTION).speech_ids(np.array([0.5]))


def test_control_tokens_in_a_text_are_found_in_order() -> None:
    text = "a <|im_end|> b <|image_17|><|image|> c <tool_call> <|audio_x|> <im_end>"
    assert control_tokens(text) == ("<|im_end|>", "<|image_17|>", "<|image|>", "<tool_call>")
    assert control_tokens("a < b | c > d") == ()
