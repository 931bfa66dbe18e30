"""The real collection, with all its awkward files, becomes published datasets; every record of it is accounted for."""

import csv
import json
from collections import defaultdict
from pathlib import Path

import pytest
from building import omniforge
from reference_data import realdata_folder


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> str:
    root = tmp_path_factory.mktemp("realdata") / "root"
    settings = (f"data={realdata_folder()}", f"root={root}", "synth.speech.quality_share=0.1")
    omniforge("build", "--config", "realdata.yaml", *settings)
    return f"{root}/realdata"


def unescaped(text: str) -> str:
    return text.replace("\\t", "\t").replace("\\n", "\n").replace("\\r", "\r").replace("\\\\", "\\")


def expected(collection: Path) -> dict[str, str]:
    """What RECORDS.tsv says of each record: keep, convert, refuse or dedup, by source uri."""
    with (collection / "RECORDS.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return {f"{unescaped(row['container'])}#{unescaped(row['record'])}": row["expect"] for row in rows}


def outcomes(reference: str) -> dict[str, set[str]]:
    told = omniforge("stats", reference, "--json", "--sql", "select source_uri, outcome from outcomes")
    found: dict[str, set[str]] = defaultdict(set)
    for line in told.splitlines():
        row = json.loads(line)
        found[row["source_uri"]].add(row["outcome"])
    return found


def test_every_source_record_has_an_outcome_and_nothing_else_has_one(reference: str) -> None:
    assert outcomes(reference).keys() == expected(realdata_folder()).keys()


def test_nothing_fails_and_nothing_is_kept_that_must_be_refused(reference: str) -> None:
    found = outcomes(reference)
    assert [uri for uri, kinds in found.items() if kinds == {"failed"}] == []
    refuse = [uri for uri, expect in expected(realdata_folder()).items() if expect == "refuse"]
    assert refuse
    assert [uri for uri in refuse if "kept" in found[uri]] == []


def test_what_is_fine_is_kept_but_for_what_a_filter_names(reference: str) -> None:
    found = outcomes(reference)
    keep = [uri for uri, expect in expected(realdata_folder()).items() if expect in ("keep", "convert")]
    lost = [uri for uri in keep if "kept" not in found[uri]]
    assert len(lost) <= len(keep) // 100, lost


def test_every_task_has_samples_of_real_records(reference: str) -> None:
    told = omniforge("stats", reference, "--json", "--sql", "select task, samples from tasks")
    assert {json.loads(line)["task"] for line in told.splitlines()} == {
        *("asr", "caption", "chat", "s2i", "svqa", "t2i", "tts", "vqa")
    }


def test_the_published_versions_are_valid(reference: str) -> None:
    assert "0 findings" in omniforge("validate", "--inputs", reference)
