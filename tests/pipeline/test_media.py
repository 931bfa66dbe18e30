import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import webdataset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from omniforge.pipeline.media import commit_records, quarantine_frame, read_media, read_record, read_records
from omniforge.pipeline.storage import LocalStore, StorageError, Store, read_verified
from omniforge.schemas.index import RecordIndex
from omniforge.schemas.ledger import LedgerEntry
from omniforge.schemas.quarantine import Quarantine
from omniforge.schemas.record import MediaFile, Message
from omniforge.schemas.table import require_valid

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


def rows_of(store: Store, entry: LedgerEntry) -> list[dict[str, Any]]:
    frame = pl.read_parquet(io.BytesIO(read_verified(store, entry.index)))
    return require_valid(RecordIndex, frame, "index").to_dicts()


def quarantined(store: Store, entry: LedgerEntry) -> list[dict[str, Any]]:
    frame = pl.read_parquet(io.BytesIO(read_verified(store, entry.quarantine)))
    return require_valid(Quarantine, frame, "quarantine").to_dicts()


@pytest.mark.parametrize("where", ["local", "moto"])
def test_a_record_with_everything_comes_back_from_its_shard_as_it_went_in(
    where: str, store_on: Callable[[str], Store], toy: Any
) -> None:
    store = store_on(where)
    whole = toy.record(
        1,
        kind="svqa",
        question="Где кот?",
        answer="на крыше 🐈",
        messages=(
            Message("system", "be\nkind"),
            Message("user", "<|audio|>\n<|image|>"),
            Message("assistant", "на \u2028крыше"),
        ),
        media=(toy.picture(1), toy.picture(2, "image2"), toy.sound(1, "question"), toy.sound(2, "answer")),
        speaker="séverine",
        split="test",
        revision="r1",
        parents=("toy-0-aa", "toy-0-bb"),
        repairs=("entities",),
        measures={"voice": "v1", "wer": 0.125, "asr_text": "where is the cat", "peak_db": -3.5},
    )
    bare = toy.record(2, text=None, media=(), license=None)
    entry = commit_records(store, toy.unit(), [bare, whole])
    assert [read_record(store, row) for row in rows_of(store, entry)] == [bare, whole]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(st.lists(st.tuples(TEXT, st.lists(TEXT, max_size=3), st.integers(0, 2)), min_size=1, max_size=4))
def test_any_text_survives_the_shard(local: Store, toy: Any, drawn: list[tuple[str, list[str], int]]) -> None:
    records = [
        toy.record(
            number,
            text=text,
            messages=tuple(Message("user", content) for content in contents),
            media=tuple(toy.sound(n, f"speech{n or ''}") for n in range(sounds)),
        )
        for number, (text, contents, sounds) in enumerate(drawn)
    ]
    entry = commit_records(local, toy.unit(identity=repr(drawn)), records)
    assert [read_record(local, row) for row in rows_of(local, entry)] == records


def test_some_roles_alone_can_be_read(local: Store, toy: Any) -> None:
    record = toy.record(1, media=(toy.picture(1), toy.sound(1, "question"), toy.sound(2, "answer")))
    (row,) = rows_of(local, commit_records(local, toy.unit(), [record]))
    assert read_media(local, row, ("answer",)) == record.media[2:]
    assert read_media(local, row, ()) == ()


def test_media_with_other_bytes_than_the_index_names_are_not_handed_on(local: Store, toy: Any) -> None:
    (row,) = rows_of(local, commit_records(local, toy.unit(), [toy.record(1)]))
    member = row["members"][1]
    data = bytearray(local.read(row["shard"]))
    data[member["offset"] + 40] ^= 1
    local.write(row["shard"], bytes(data))
    with pytest.raises(StorageError, match=rf"{member['name']} has other bytes"):
        read_media(local, row)


def test_measures_other_than_those_that_were_committed_are_not_handed_on(local: Store, toy: Any) -> None:
    (row,) = rows_of(local, commit_records(local, toy.unit(), [toy.record(1, measures={"wer": 0.125})]))
    data = local.read(row["shard"])
    local.write(row["shard"], data.replace(b'"wer": 0.125', b'"wer": 0.025'))
    with pytest.raises(StorageError, match=r"\.json has other bytes"):
        list(read_records(local, [row]))


class CountingStore(LocalStore):
    """A store on a disk that remembers how many bytes each read asked for."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.reads: list[int] = []

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        data = super().read(key, offset, length)
        self.reads.append(len(data))
        return data


@pytest.mark.parametrize(("between", "reads"), [(1_000, 1), (1_100_000, 2)])
def test_neighbours_are_read_at_once_and_what_lies_far_between_not_at_all(
    local: Store, toy: Any, between: int, reads: int
) -> None:
    large = MediaFile(role="image", format="png", data=bytes(between), width=8, height=8)
    records = [toy.record(1), toy.record(2), toy.record(3, media=(large,)), toy.record(4)]
    rows = rows_of(local, commit_records(local, toy.unit(), records))
    store = CountingStore(local.root)
    assert list(read_records(store, [rows[0], rows[1], rows[3]])) == [records[0], records[1], records[3]]
    assert len(store.reads) == reads
    assert (sum(store.reads) > between) == (reads == 1)


def test_webdataset_reads_a_media_shard_with_nothing_of_ours(local: Store, toy: Any) -> None:
    record = toy.record(1, media=(toy.picture(3), toy.sound(1)))
    entry = commit_records(local, toy.unit(), [record])
    assert entry.shard is not None
    (sample,) = webdataset.WebDataset(str(Path(local.root, entry.shard.url)), shardshuffle=False).decode("pil")
    assert sample["__key__"] == record.key
    assert sample["json"]["text"] == record.text
    assert sample["image.png"].size == (24, 16)
    assert sample["speech.flac"] == record.media[1].data


def test_the_same_records_make_the_same_objects(local: Store, toy: Any, tmp_path: Path) -> None:
    from omniforge.pipeline.storage import open_store

    other = open_store(str(tmp_path / "other"))
    outcomes = [toy.record(1), toy.refusal(2), toy.record(3, media=(toy.sound(3),))]
    assert commit_records(local, toy.unit(), outcomes) == commit_records(other, toy.unit(), outcomes)


@pytest.mark.parametrize(
    ("changes", "reason", "detail"),
    [
        ({"key": "has.dot"}, "schema", "key: str_matches.*has.dot"),
        ({"kind": "poem"}, "schema", "kind: isin.*poem"),
        ({"measures": {"wer": -1.0}}, "schema", "wer: .*-1"),
        ({"measures": {"peak_db": float("-inf")}}, "schema", "peak_db: finite: -inf"),
        ({"measures": {"wer": float("nan")}}, "schema", "wer: finite: nan"),
        ({"speaker": "lone \ud800"}, "invalid_unicode", "surrogates"),
        ({"source_uri": "caf\udce9/x.jsonl#1"}, "invalid_unicode", "surrogates"),
    ],
)
def test_a_record_out_of_contract_is_quarantined_with_the_cell_and_left_out_of_the_shard(
    local: Store, toy: Any, changes: dict[str, Any], reason: str, detail: str
) -> None:
    good = [toy.record(1), toy.record(3, media=(toy.sound(3), toy.picture(3)))]
    entry = commit_records(local, toy.unit(), [good[0], toy.record(2, **changes), good[1]])
    assert (entry.counts.read, entry.counts.kept, entry.counts.refused) == (3, 2, 1)
    assert [read_record(local, row) for row in rows_of(local, entry)] == good
    (refused,) = quarantined(local, entry)
    assert refused["reason"] == reason
    assert pl.Series([refused["detail"]]).str.contains(detail).all()
    assert entry.shard is not None
    names = {name.split(".")[0] for row in rows_of(local, entry) for name in [m["name"] for m in row["members"]]}
    assert names == {record.key for record in good}


def test_the_index_leaves_out_no_member_and_tells_what_is_in_it(local: Store, toy: Any) -> None:
    record = toy.record(1, media=(toy.picture(1), toy.sound(1), toy.sound(2, "speech2")))
    (row,) = rows_of(local, commit_records(local, toy.unit(), [record]))
    assert [member["role"] for member in row["members"]] == ["json", "image", "speech", "speech2"]
    assert (row["pictures"], row["seconds"]) == (1, 0.2)
    document = row["members"][0]
    assert json.loads(local.read(row["shard"], document["offset"], document["size"]))["text"] == record.text


def test_a_unit_of_refusals_alone_has_an_empty_index_and_no_shard(local: Store, toy: Any) -> None:
    entry = commit_records(local, toy.unit(), [toy.refusal(1), toy.refusal(2, outcome="failed", reason="exception")])
    assert entry.shard is None
    assert rows_of(local, entry) == []
    assert [row["outcome"] for row in quarantined(local, entry)] == ["refused", "failed"]


def test_evidence_is_cut_and_text_that_utf8_cannot_hold_is_written_out(toy: Any) -> None:
    refused = toy.refusal(1, source_uri="caf\udce9#1", detail="x" * 5000 + "\ud800", evidence=b"e" * 5000)
    (row,) = quarantine_frame([refused], toy.unit()).to_dicts()
    assert row["source_uri"] == "caf\\udce9#1"
    assert (len(row["detail"]), len(row["evidence"])) == (2000, 1024)
