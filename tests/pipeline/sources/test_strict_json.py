import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.strict_json import parse_json, require_unicode, require_unique_keys


def test_a_value_needs_no_repair():
    assert parse_json(b'\xef\xbb\xbf{"a": [1, null]}') == ({"a": [1, None]}, ())


def test_a_number_that_json_has_not_becomes_null():
    assert parse_json(b"[NaN, -Infinity, 1]") == ([None, None, 1], ("invalid_json_number",))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "invalid_json"),
        (b"", "invalid_json"),
        (b"[" * 100_000, "invalid_json"),
        (b"9" * 5000, "invalid_json"),
        (b'"\xe9"', "invalid_utf8"),
    ],
)
def test_what_is_no_json_is_refused(data, reason):
    with pytest.raises(Refused) as refused:
        parse_json(data)
    assert refused.value.reason == reason


@given(st.binary(max_size=40))
def test_no_bytes_whatever_raise_anything_but_a_refusal(data):
    with contextlib.suppress(Refused):
        parse_json(data)


@pytest.mark.parametrize("data", [b'{"a": 1, "a": 1}', b'{"b": [{"c": {"a": 1, "a": 2}}]}'])
def test_a_key_named_twice_anywhere_is_refused(data):
    with pytest.raises(Refused, match="'a'"):
        require_unique_keys(parse_json(data)[0])


def test_keys_may_repeat_in_different_objects():
    require_unique_keys(parse_json(b'[{"a": {"a": 1}}, {"a": 2}]')[0])


def test_a_lone_surrogate_is_refused():
    require_unicode("\U0001f600")
    with pytest.raises(Refused, match="invalid_unicode"):
        require_unicode("\ud83d")
