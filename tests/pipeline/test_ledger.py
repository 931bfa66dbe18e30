import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from omniforge.pipeline.ledger import commit, committed, counts_of, ledger_key, parquet_bytes, read_entry
from omniforge.pipeline.media import quarantine_frame
from omniforge.pipeline.storage import StorageError, Store, read_verified
from omniforge.schemas.ledger import LedgerEntry


def commit_bytes(store: Store, toy: Any, shard: bytes | None, number: int = 0) -> LedgerEntry:
    unit = toy.unit(number)
    empty = quarantine_frame([], unit)
    index = pl.DataFrame({"key": ["a"] if shard else []}, schema={"key": pl.String})
    kept = index.height
    return commit(store, unit, shard=shard, index=index, quarantine=empty, counts=counts_of(kept, kept, empty))


@pytest.mark.parametrize("where", ["local", "moto"])
def test_the_first_to_commit_wins_and_the_loser_gets_the_winners_entry(
    where: str, store_on: Callable[[str], Store], toy: Any
) -> None:
    store = store_on(where)
    first = commit_bytes(store, toy, b"first")
    second = commit_bytes(store, toy, b"second, of another environment perhaps")
    assert second == first == read_entry(store, first.unit)
    assert first.shard is not None
    assert read_verified(store, first.shard) == b"first"


def test_of_racers_all_get_the_same_entry(local: Store, toy: Any) -> None:
    with ThreadPoolExecutor(6) as pool:
        entries = list(pool.map(lambda number: commit_bytes(local, toy, str(number).encode()), range(6)))
    assert all(entry == entries[0] for entry in entries)
    assert list(local.list("ledger")) == [ledger_key(entries[0].unit)]


def test_a_unit_whose_objects_are_written_but_not_its_entry_did_not_happen(local: Store, toy: Any) -> None:
    unit = toy.unit()
    local.write(f"shards/media/{unit.id}-0123456789abcdef.tar", b"left behind by a worker that died")
    assert committed(local, [unit]) == {}
    assert commit_bytes(local, toy, b"data") == committed(local, [unit])[unit.id]


def test_only_the_units_asked_for_are_read(local: Store, toy: Any) -> None:
    for number in range(3):
        commit_bytes(local, toy, b"data", number)
    assert set(committed(local, [toy.unit(1), toy.unit(7)])) == {toy.unit(1).id}


def test_objects_are_named_by_the_unit_and_the_hash_of_their_bytes(local: Store, toy: Any) -> None:
    entry = commit_bytes(local, toy, b"data")
    assert entry.shard is not None
    assert entry.shard.url == f"shards/media/{entry.unit}-{hashlib.sha256(b'data').hexdigest()[:16]}.tar"


def test_the_index_names_its_shard(local: Store, toy: Any) -> None:
    entry = commit_bytes(local, toy, b"data")
    assert entry.shard is not None
    index = pl.read_parquet(read_verified(local, entry.index))
    assert index["shard"].to_list() == [entry.shard.url]


def test_a_unit_that_kept_nothing_has_no_shard(local: Store, toy: Any) -> None:
    assert commit_bytes(local, toy, None).shard is None
    assert list(local.list("shards")) == []


def test_counts_tell_outcomes_by_reason(toy: Any) -> None:
    refusals = [toy.refusal(1), toy.refusal(2), toy.refusal(3, reason="exception", outcome="failed")]
    counts = counts_of(5, 2, quarantine_frame(refusals, toy.unit()))
    assert (counts.refused, counts.failed, counts.reasons) == (2, 1, {"exception": 1, "too_short": 2})


def test_outcomes_that_do_not_add_up_to_what_was_read_are_an_error(toy: Any) -> None:
    with pytest.raises(ValidationError, match=r"5 records read, but 3 kept \+ 1 refused \+ 0 failed"):
        counts_of(5, 3, quarantine_frame([toy.refusal(1)], toy.unit()))


def test_equal_tables_give_equal_bytes() -> None:
    frame = pl.DataFrame({"a": [1, 2], "b": ["x", None]})
    assert parquet_bytes(frame) == parquet_bytes(frame.clone())


def test_an_entry_that_cannot_be_read_is_named(local: Store, toy: Any) -> None:
    local.write(ledger_key(toy.unit().id), b"{}")
    with pytest.raises(StorageError, match=f"{toy.unit().id}.*no ledger entry"):
        committed(local, [toy.unit()])
