"""Every record of the real collection through its reader and the filters, held against what the collection expects."""

import csv

import pytest
from reference_data import realdata_folder

from omniforge.pipeline.filters.check import CheckConfig, check
from omniforge.pipeline.sources.coco import Coco
from omniforge.pipeline.sources.commonvoice import CommonVoice
from omniforge.pipeline.sources.conversations import Conversations
from omniforge.pipeline.sources.librispeech import LibriSpeech
from omniforge.pipeline.sources.prompts import Prompts
from omniforge.pipeline.sources.webdataset import WebDataset
from omniforge.schemas.quarantine import REASONS
from omniforge.schemas.record import Record, Refusal

ROOT = realdata_folder()
SOURCES = {
    "wds": WebDataset(),
    "coco": Coco(),
    "librispeech": LibriSpeech(),
    "commonvoice": CommonVoice(),
    "conversations": Conversations(),
    "prompts": Prompts(),
}
QUALITY = {"too_short", "too_long", "caption_too_long", "repetitive_text", "language", "too_small", "extreme_aspect"}
"""Reasons for which the collection lets a filter refuse what is fine in itself."""
NEEDS_A_RECOGNISER = {"transcript_mismatch"}
SEEN_IN_THE_BYTES = {
    "empty_media",
    "not_an_image",
    "undecodable_image",
    "truncated_image",
    "decompression_bomb",
    "too_small",
    "extreme_aspect",
    "blank_image",
    "undecodable_audio",
    "truncated_audio",
    "bad_header",
    "non_finite_samples",
    "silence",
    "clipping",
}


def unescaped(text):
    return text.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")


@pytest.fixture(scope="module")
def outcomes():
    """Expected and actual outcome of each record: uri -> (row of RECORDS.tsv, Record or Refusal)."""
    with (ROOT / "RECORDS.tsv").open(encoding="utf-8", newline="") as file:
        rows = {
            f"{unescaped(row['container'])}#{unescaped(row['record'])}": row
            for row in csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        }
    present = {row["subset"] for row in rows.values()}
    config = CheckConfig()
    got = {}
    for name in present & SOURCES.keys():
        source = SOURCES[name]
        for container in source.containers(ROOT):
            for item in source.read(ROOT, container.path, 0, container.records):
                got[item.source_uri] = item if isinstance(item, Refusal) else check(item, corpus=name, config=config)
    return {uri: (rows[uri], outcome) for uri, outcome in got.items() if uri in rows}


def lines(outcomes, wrong):
    return [
        f"{uri}: expected {row['expect']} {row['reason']}, {said(o)}" for uri, (row, o) in outcomes.items() if wrong(row, o)
    ]


def said(outcome):
    return f"refused {outcome.reason}: {outcome.detail}" if isinstance(outcome, Refusal) else f"kept {outcome.repairs}"


def test_no_record_fails_and_every_reason_is_known(outcomes):
    assert outcomes
    assert not lines(outcomes, lambda row, o: isinstance(o, Refusal) and (o.outcome == "failed" or o.reason not in REASONS))


def test_what_is_fine_is_kept(outcomes):
    assert not lines(
        outcomes, lambda row, o: row["expect"] in ("keep", "dedup") and isinstance(o, Refusal) and not fine_to_refuse(row, o)
    )


def fine_to_refuse(row, outcome):
    duplicate = row["expect"] == "dedup" and outcome.reason.startswith("duplicate")
    cut_end = row["expect"] == "dedup" and outcome.reason == "truncated_image"
    return outcome.reason in QUALITY or duplicate or cut_end


def test_what_needs_mending_is_mended_or_refused_for_that_very_reason(outcomes):
    assert not lines(
        outcomes,
        lambda row, o: (
            row["expect"] == "convert" and isinstance(o, Refusal) and o.reason not in QUALITY and o.reason != row["reason"]
        ),
    )


def test_what_must_be_refused_is_refused(outcomes):
    assert not lines(
        outcomes,
        lambda row, o: row["expect"] == "refuse" and isinstance(o, Record) and row["reason"] not in NEEDS_A_RECOGNISER,
    )


def test_defects_that_show_in_the_bytes_are_refused_for_the_reason_expected(outcomes):
    assert not lines(
        outcomes,
        lambda row, o: row["expect"] == "refuse" and row["reason"] in SEEN_IN_THE_BYTES and o.reason != row["reason"],
    )


def test_kept_media_are_what_their_record_says(outcomes):
    kept = [file for _, o in outcomes.values() if isinstance(o, Record) for file in o.media]
    assert {file.format for file in kept} <= {"jpg", "png", "webp", "flac"}
    assert all(file.sample_rate == 16_000 and file.channels == 1 for file in kept if file.format == "flac")
    assert all(min(file.width, file.height) >= 32 for file in kept if file.format != "flac")
