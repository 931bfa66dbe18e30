import json
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import polars as pl
import pytest

from omniforge.pipeline import manifest as manifests
from omniforge.pipeline.manifest import publish, read_part, totals_of
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.reference import manifest_key, read_manifest, versions
from omniforge.pipeline.storage import StorageError, Store
from omniforge.schemas.ledger import LedgerEntry
from omniforge.schemas.manifest import Manifest

PUBLISHER = Path(__file__).with_name("publish_once.py")


def committed(store: Store, toy: Any, numbers: range) -> dict[str, LedgerEntry]:
    entries = {}
    for number in numbers:
        unit = toy.unit(number)
        outcomes = [toy.record(number * 100), toy.record(number * 100 + 1, kind="prompt", license=None), toy.refusal(number)]
        entries[unit.id] = commit_records(store, unit, outcomes)
    return entries


def version(store: Store, entries: dict[str, LedgerEntry], **changes: Any) -> Manifest:
    values: dict[str, Any] = {"code_version": "1", "config": {}, "models": {}, "inputs": ()}
    return publish(store, layer="media", name="demo", entries=entries, **(values | changes))


def units_of(store: Store, made: Manifest) -> list[str]:
    return [unit for part in made.content.parts for unit in read_part(store, part, "units")["unit"]]


@pytest.mark.parametrize("where", ["local", "moto"])
def test_versions_number_up_and_name_their_parent(where: str, store_on: Callable[[str], Store], toy: Any) -> None:
    store = store_on(where)
    entries = committed(store, toy, range(2))
    first, second = version(store, entries), version(store, entries, code_version="2")
    assert [(m.version, m.parent) for m in (first, second)] == [(1, None), (2, 1)]
    assert versions(store, "demo") == [1, 2]
    assert read_manifest(store, "demo", 2) == second


def test_equal_content_publishes_nothing_new(local: Store, toy: Any) -> None:
    entries = committed(local, toy, range(3))
    first = version(local, entries)
    assert version(local, dict(reversed(entries.items()))) == first
    assert versions(local, "demo") == [1]


def test_a_new_version_shares_the_parts_of_its_parent_and_adds_one(local: Store, toy: Any) -> None:
    first = version(local, committed(local, toy, range(2)))
    second = version(local, committed(local, toy, range(3)))
    assert second.content.parts[:-1] == first.content.parts
    assert second.content.parts[-1].unit_count == 1
    assert sorted(units_of(local, second)) == sorted(committed(local, toy, range(3)))


def test_publishing_what_is_new_reads_nothing_but_unit_lists_of_old_parts(local: Store, toy: Any) -> None:
    first = version(local, committed(local, toy, range(2)))
    (part,) = first.content.parts
    local.write(part.index.url, b"not to be read")
    local.write(part.quarantine.url, b"not to be read")
    assert version(local, committed(local, toy, range(3))).content.totals.kept == 6


def test_a_part_with_a_unit_that_is_no_longer_wanted_is_made_anew_without_it(local: Store, toy: Any) -> None:
    entries = committed(local, toy, range(3))
    first = version(local, entries)
    dropped, *kept = sorted(entries)
    second = version(local, {unit: entries[unit] for unit in kept})
    assert units_of(local, second) == kept
    assert not any(part in first.content.parts for part in second.content.parts)
    assert dropped in units_of(local, first)


def test_parts_are_cut_by_rows(local: Store, toy: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "ROWS_PER_PART", 6)
    made = version(local, committed(local, toy, range(5)))
    assert [part.unit_count for part in made.content.parts] == [2, 2, 1]
    assert totals_of(made.content.parts) == (made.content.totals, made.content.corpora)


def test_totals_are_those_of_the_tables(local: Store, toy: Any) -> None:
    made = version(local, committed(local, toy, range(2)))
    index = pl.concat([read_part(local, part, "index") for part in made.content.parts])
    units = pl.concat([read_part(local, part, "units") for part in made.content.parts])
    totals = made.content.totals
    assert (totals.read, totals.kept, totals.refused, totals.failed, totals.shards) == (6, 4, 2, 0, 2)
    assert totals.shard_bytes == sum(len(local.read(url)) for url in units["shard"])
    assert totals.by_kind == {"caption": 2, "prompt": 2}
    assert index.height == totals.kept
    assert [(row["license"], row["records"]) for row in made.content.corpora] == [("", 2), ("CC-BY-4.0", 2)]


def test_token_totals_count_tokens_by_modality(local: Store, toy: Any) -> None:
    tokens = toy.publish_tokens(local, toy.publish_media(local, range(2)), range(2)).manifest.content.totals
    assert tokens.tokens == {"text": 12, "image": 8, "speech": 0, "loss": 6}
    assert tokens.by_kind == {"caption": 2}


def test_one_key_from_two_units_is_refused_by_name(local: Store, toy: Any) -> None:
    entries = {}
    for number in range(2):
        unit = toy.unit(number)
        entries[unit.id] = commit_records(local, unit, [toy.record(1)])
    with pytest.raises(StorageError, match=toy.record(1).key):
        version(local, entries)


def test_publishing_no_unit_is_an_error_that_says_what_to_do(local: Store) -> None:
    with pytest.raises(StorageError, match="run the build first"):
        version(local, {})


@pytest.mark.parametrize("name", ["my data", "a/b", "a@b", ""])
def test_a_name_that_no_reference_could_hold_is_refused(local: Store, toy: Any, name: str) -> None:
    with pytest.raises(StorageError, match="cannot name a dataset"):
        publish(
            local,
            layer="media",
            name=name,
            entries=committed(local, toy, range(1)),
            code_version="1",
            config={},
            models={},
            inputs=(),
        )


def test_an_index_altered_since_it_was_committed_is_not_published(local: Store, toy: Any) -> None:
    entries = committed(local, toy, range(1))
    (entry,) = entries.values()
    local.write(entry.index.url, local.read(entry.index.url) + b" ")
    with pytest.raises(StorageError, match=r"index/media/.*not those"):
        version(local, entries)


def test_a_manifest_altered_since_it_was_published_is_not_read(local: Store, toy: Any) -> None:
    version(local, committed(local, toy, range(1)))
    key = manifest_key("demo", 1)
    document = json.loads(local.read(key))
    document["content"]["totals"]["kept"] += 1
    local.write(key, json.dumps(document).encode())
    with pytest.raises(StorageError, match="altered after it was published"):
        read_manifest(local, "demo", 1)


def test_a_manifest_of_another_schema_is_said_to_be_one(local: Store) -> None:
    local.write(manifest_key("demo", 1), b'{"version": 1}')
    with pytest.raises(StorageError, match="no manifest of this version of omniforge"):
        read_manifest(local, "demo", 1)


@pytest.mark.parametrize("where", ["local", "moto"])
def test_publishers_at_once_in_threads_get_a_version_each_and_none_is_lost(
    where: str, store_on: Callable[[str], Store], toy: Any
) -> None:
    store = store_on(where)
    entries = committed(store, toy, range(1))
    barrier = Barrier(4)

    def publisher(number: int) -> Manifest:
        barrier.wait()
        return version(store, entries, code_version=str(number))

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(publisher, range(4)))
    assert sorted(m.version for m in made) == versions(store, "demo") == [1, 2, 3, 4]
    assert {read_manifest(store, "demo", n).content.code_version for n in range(1, 5)} == {"0", "1", "2", "3"}


@pytest.mark.parametrize("where", ["local", "moto"])
def test_publishers_of_the_same_content_at_once_get_the_same_version(
    where: str, store_on: Callable[[str], Store], toy: Any
) -> None:
    store = store_on(where)
    entries = committed(store, toy, range(1))
    barrier = Barrier(4)

    def publisher(_: int) -> int:
        barrier.wait()
        return version(store, entries).version

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(publisher, range(4))) == [1] * 4
    assert versions(store, "demo") == [1]


@pytest.mark.parametrize("where", ["local", "moto"])
def test_publishers_at_once_in_two_processes_get_a_version_each(where: str, store_on: Callable[[str], Store], toy: Any) -> None:
    store = store_on(where)
    committed(store, toy, range(1))
    publishers = [
        subprocess.Popen(
            [sys.executable, str(PUBLISHER), store.root, code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for code in ("a", "b")
    ]
    for publisher in publishers:
        assert publisher.stdout is not None
        assert publisher.stdout.readline() == "ready\n"
    for publisher in publishers:
        assert publisher.stdin is not None
        publisher.stdin.write("go\n")
        publisher.stdin.flush()
    assert sorted(publisher.communicate(timeout=60)[0] for publisher in publishers) == ["1\n", "2\n"]
    assert {read_manifest(store, "demo", n).content.code_version for n in (1, 2)} == {"a", "b"}
