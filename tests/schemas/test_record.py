import re

from hypothesis import given
from hypothesis import strategies as st

from omniforge.schemas.record import record_key

URIS = st.builds(lambda path, name: f"{path}#{name}", st.text(max_size=60), st.text(max_size=60))


@given(st.text(min_size=1, max_size=60), URIS)
def test_a_key_is_safe_in_webdataset_and_short_enough_for_a_tar_name_with_any_task_and_role(corpus: str, uri: str) -> None:
    key = record_key(corpus, uri, "svqa")
    assert re.fullmatch(r"[A-Za-z0-9_-]+", key)
    assert len(f"{key}-caption.question12.flac".encode()) < 100


@given(st.lists(st.tuples(st.sampled_from(["a", "a_b", "a-b", "a b"]), URIS), min_size=2, max_size=40, unique=True))
def test_distinct_sources_have_distinct_keys(sources: list[tuple[str, str]]) -> None:
    assert len({record_key(corpus, uri) for corpus, uri in sources}) == len(sources)


@given(URIS)
def test_the_same_source_has_the_same_key_and_each_suffix_another(uri: str) -> None:
    assert record_key("c", uri) == record_key("c", uri)
    assert len({record_key("c", uri, suffix) for suffix in ("", "svqa", "s2i")}) == 3


def test_names_that_differ_only_beyond_the_readable_part_have_distinct_keys() -> None:
    long = "x" * 200
    assert record_key("c", f"f#{long}1") != record_key("c", f"f#{long}2")
    assert record_key(long + "1", "f#1") != record_key(long + "2", "f#1")


def test_a_file_name_that_is_not_utf8_has_a_key() -> None:
    assert record_key("c", "folder/caf\udce9.jpg#0").isascii()


def test_the_readable_part_names_the_record() -> None:
    assert record_key("wds", "wds/00000.tar#000000001").startswith("wds-000000001-")
