import hashlib
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.chance import Chance
from omniforge.pipeline.sources.formats import FORMATS
from omniforge.pipeline.sources.sentences import Sentences, is_held_out, sentence_text
from omniforge.pipeline.sources.sentences_grammar import GRAMMAR, expand

NOWHERE = Path("there/is/no/such/folder")


@given(st.integers(min_value=0, max_value=2**40))
def test_sentences_are_plain_and_of_3_to_14_words(number):
    text = sentence_text(number)
    assert 3 <= len(text.split()) <= 14
    assert re.fullmatch(r"[A-Z][A-Za-z ,.'-]*[.?]", text), text
    assert not re.search(r"\ba [aeio]|\ban [^aeio]|  ", text, re.IGNORECASE), text


@given(st.sampled_from(sorted(GRAMMAR)), st.integers(min_value=0, max_value=2**40))
def test_every_symbol_of_the_grammar_expands_to_words(symbol, seed):
    text = expand(symbol, Chance(seed))
    assert text
    assert "{" not in text


def test_a_thousand_sentences_are_varied():
    texts = [sentence_text(number) for number in range(1000)]
    assert len(set(texts)) > 950
    assert len({word.strip(".,?").lower() for text in texts for word in text.split()}) > 400


def test_sentences_never_change():
    texts = repr([sentence_text(number) for number in range(200)])
    assert hashlib.sha256(texts.encode()).hexdigest()[:16] == "bb00b01d8e21eccd"


def test_no_text_is_in_both_splits():
    assert not any(is_held_out(sentence_text(number)) for number in range(300))
    assert all(is_held_out(sentence_text(number, "test")) for number in range(100))


def test_records_are_text_to_be_spoken_and_ranges_are_parts_of_the_whole():
    corpus = Sentences(count=1100)
    first, second = corpus.containers(NOWHERE)
    assert (first.path, first.records, second.records) == ("sentences/train/00000", 1024, 76)
    records = list(corpus.read(NOWHERE, second.path, 0, 76))
    assert records[20:30] == list(corpus.read(NOWHERE, second.path, 20, 30))
    record = records[0]
    assert (record.kind, record.text, record.media) == ("tts", sentence_text(1024), ())
    assert record.source_uri == "sentences/train/00001#1024"
    assert (record.language, record.license, record.split) == ("en", "CC0-1.0", "train")


def test_more_sentences_change_no_full_container():
    few, many = (list(Sentences(count=count).containers(NOWHERE)) for count in (1024, 5000))
    assert many[:1] == few
    assert repr(Sentences(count=1024)) == repr(Sentences(count=5000))


def test_sentences_can_be_kept_short_and_that_is_another_corpus() -> None:
    usual, short = Sentences(count=200), Sentences(count=200, most_words=4)
    (container,) = short.containers(NOWHERE)
    texts = [record.text for record in short.read(NOWHERE, container.path, 0, 200)]
    assert {len(text.split()) for text in texts} == {3, 4}
    assert container.identity != next(usual.containers(NOWHERE)).identity
    assert next(usual.containers(NOWHERE)).identity == next(Sentences(count=200, most_words=14).containers(NOWHERE)).identity


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "at least 1"),
        ({"count": 1, "seed": -1}, "0 or above"),
        ({"count": 1, "split": "dev"}, "train or test"),
        ({"count": 1, "most_words": 2}, "3 to 14 words"),
    ],
)
def test_a_number_out_of_range_is_an_error_that_names_the_range(options, message):
    with pytest.raises(ValueError, match=message):
        Sentences(**options)


def test_a_container_of_the_other_split_is_an_error():
    with pytest.raises(ValueError, match="sentences/train/00000"):
        next(Sentences(count=1).read(NOWHERE, "scenes/train/00000", 0, 1))


def test_the_format_has_a_name():
    assert FORMATS["sentences"] is Sentences
