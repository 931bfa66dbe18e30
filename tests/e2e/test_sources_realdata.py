"""Every reader over the real collection: the records it should find, by name, and the structural refusals."""

import csv
from collections import defaultdict

import pytest
from reference_data import realdata_folder

from omniforge.pipeline.sources.formats import FORMATS
from omniforge.schemas.quarantine import REASONS
from omniforge.schemas.record import Refusal, SourceRecord

ROOT = realdata_folder()
OPTIONS = {"conversations": {"files": ("conversations.jsonl",)}}
SUBSET_OF_FORMAT = {"webdataset": "wds"}
STRUCTURAL = {
    "absolute_path",
    "answer_not_in_choices",
    "duplicate_id",
    "duplicate_json_key",
    "duplicate_key",
    "duplicate_member",
    "empty_caption",
    "empty_messages",
    "empty_question",
    "empty_transcript",
    "hardlink_member",
    "invalid_json",
    "invalid_parquet",
    "invalid_unicode",
    "invalid_utf8",
    "junk_member",
    "members_not_adjacent",
    "missing_answer",
    "missing_caption",
    "missing_field",
    "missing_image",
    "missing_media",
    "missing_question",
    "missing_transcript",
    "no_assistant_turn",
    "no_consensus",
    "path_traversal",
    "remote_uri",
    "special_member",
    "symlink_member",
    "tag_count_mismatch",
    "truncated_archive",
    "unknown_image_id",
    "wrong_column_count",
    "wrong_type",
}
"""Reasons of the collection that a reader alone can see, without judging words or decoding media."""
KINDS = {"t2i": "caption", "text": "chat"}
SEVERAL_TURNS_OR_PICTURES = {"vqa": "chat"}


def unescaped(text):
    return text.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")


@pytest.fixture(scope="module")
def expected():
    """Rows of RECORDS.tsv by subset and source uri."""
    rows = defaultdict(dict)
    with (ROOT / "RECORDS.tsv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE):
            rows[row["subset"]][f"{unescaped(row['container'])}#{unescaped(row['record'])}"] = row
    return rows


@pytest.fixture(scope="module", params=[name for name in FORMATS if name not in ("scenes", "sentences")])
def subset(request, expected):
    """For one format: the expected rows by uri, and the items read, container by container."""
    name = SUBSET_OF_FORMAT.get(request.param, request.param)
    rows = expected.get(name, {})
    items = []
    if rows:
        source = FORMATS[request.param](**OPTIONS.get(request.param, {}))
        for container in source.containers(ROOT):
            read = list(source.read(ROOT, container.path, 0, container.records))
            assert len(read) == container.records
            assert all(item.source_uri.startswith(f"{container.path}#") for item in read)
            items += read
    return rows, items


def test_the_records_read_are_exactly_those_of_the_collection(subset):
    rows, items = subset
    uris = [item.source_uri for item in items]
    assert len(set(uris)) == len(uris)
    assert set(uris) == set(rows)


def test_no_record_fails_with_an_exception_and_every_reason_is_in_the_closed_set(subset):
    _, items = subset
    refusals = [item for item in items if isinstance(item, Refusal)]
    assert not [item for item in refusals if item.outcome == "failed"]
    assert {item.reason for item in refusals} <= set(REASONS)


def test_what_breaks_a_rule_of_structure_is_refused_for_that_reason(subset):
    rows, items = subset
    found = {item.source_uri: getattr(item, "reason", "kept") for item in items}
    wanted = {uri: row["reason"] for uri, row in rows.items() if row["expect"] == "refuse" and row["reason"] in STRUCTURAL}
    assert {uri: found[uri] for uri in wanted} == wanted


def test_what_the_collection_calls_fine_is_no_reader_s_refusal(subset):
    rows, items = subset
    wrong = {
        item.source_uri: item.reason
        for item in items
        if isinstance(item, Refusal) and rows[item.source_uri]["expect"] == "keep"
    }
    assert wrong == {}


def test_kept_records_have_the_kind_that_the_collection_names(subset):
    rows, items = subset
    for item in items:
        if isinstance(item, SourceRecord) and rows[item.source_uri]["expect"] == "keep":
            kind = rows[item.source_uri]["kind"]
            several = len(item.media) > 1 or len([m for m in item.messages if m.role == "user"]) > 1
            assert item.kind == KINDS.get(
                kind, SEVERAL_TURNS_OR_PICTURES.get(kind, kind) if several and item.messages else kind
            )


def test_a_container_read_in_pieces_gives_the_same_items(subset):
    _, items = subset
    by_container = defaultdict(list)
    for item in items:
        by_container[item.source_uri.partition("#")[0]].append(item)
    source_of = {SUBSET_OF_FORMAT.get(name, name): name for name in FORMATS}
    for path, read in by_container.items():
        name = source_of[path.split("/")[0].split(".")[0]]
        source = FORMATS[name](**OPTIONS.get(name, {}))
        pieces = [
            item for start in range(0, len(read), 7) for item in source.read(ROOT, path, start, min(start + 7, len(read)))
        ]
        assert pieces == read
