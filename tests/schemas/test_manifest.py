import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from omniforge.schemas.manifest import Manifest, ManifestContent, Totals

TOTALS = Totals(read=0, kept=0, refused=0, failed=0, shards=0, shard_bytes=0, seconds=0.1, by_kind={}, tokens={})


def content(**changes: Any) -> ManifestContent:
    values: dict[str, Any] = {
        "layer": "media",
        "name": "demo",
        "code_version": "1",
        "config": {"b": 1, "a": {"y": [1, 2], "x": None}},
        "vocabulary": {},
        "models": {},
        "environments": (),
        "inputs": (),
        "corpora": (),
        "totals": TOTALS,
        "parts": (),
    }
    return ManifestContent(**(values | changes))


def manifest(version: int, created: str) -> Manifest:
    made = content()
    return Manifest(version=version, parent=None, created=created, content_sha256=made.sha256(), content=made)


@given(st.integers(1, 999_999), st.datetimes())
def test_the_content_hash_knows_neither_number_nor_time(version: int, created: Any) -> None:
    assert manifest(version, created.isoformat()).content.sha256() == content().sha256()


def test_the_content_hash_knows_no_order_of_keys() -> None:
    assert content(config={"a": {"x": None, "y": [1, 2]}, "b": 1}).sha256() == content().sha256()


@pytest.mark.parametrize(
    "change",
    [{"name": "other"}, {"inputs": ("m@sha256:0",)}, {"config": {"b": 2}}, {"models": {"m": "1"}}, {"layer": "tokens"}],
)
def test_the_content_hash_knows_everything_else(change: dict[str, Any]) -> None:
    assert content(**change).sha256() != content().sha256()


def test_the_content_hash_survives_json() -> None:
    text = json.dumps(manifest(3, "2026-01-01").model_dump(mode="json"), indent=1)
    assert Manifest.model_validate_json(text).content.sha256() == content().sha256()


def test_a_manifest_of_a_later_schema_is_refused() -> None:
    with pytest.raises(ValidationError, match="schema_version"):
        content(schema_version=2)


def test_the_reference_of_a_version_names_it() -> None:
    assert manifest(12, "").reference == "demo@v12"
