from hypothesis import given
from hypothesis import strategies as st

from omniforge.synth.roundtrip import word_error_rate, word_errors

texts = st.lists(st.sampled_from(["red", "blue", "one", "star", "is"]), min_size=1, max_size=8).map(" ".join)


@given(texts, texts)
def test_errors_are_at_most_the_longer_text_and_none_for_the_same(one, other):
    errors, words = word_errors(one, other)
    assert words == len(one.split())
    assert 0 <= errors <= max(words, len(other.split()))
    assert word_errors(one, one) == (0, words)
    assert word_error_rate(one, other) == errors / words


@given(texts)
def test_silence_misses_every_word(text):
    assert word_errors(text, "") == (len(text.split()), len(text.split()))


def test_kinds_of_errors_are_added_up():
    assert word_errors("A red star above.", "a blue star") == (2, 4)
    assert word_errors("a star", "a star and a moon and a ring") == (6, 2)


def test_word_breaks_are_no_errors():
    assert word_errors("back ground", "Background.") == (0, 2)


def test_a_text_without_words_can_only_gain_them():
    assert word_errors("...", "") == (0, 0)
    assert word_errors("...", "you there") == (2, 0)
