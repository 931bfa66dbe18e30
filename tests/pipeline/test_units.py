from typing import Any

import pytest

from omniforge.pipeline.plan import make_unit
from omniforge.pipeline.storage import StorageError, Store
from omniforge.pipeline.units import media_units, unit_rows


def test_units_that_kept_records_are_those_worked_on(local: Store, toy: Any) -> None:
    from omniforge.pipeline.manifest import publish
    from omniforge.pipeline.media import commit_records
    from omniforge.pipeline.reference import Dataset

    full, empty = toy.unit(1), toy.unit(2)
    entries = {
        full.id: commit_records(local, full, [toy.record(1)]),
        empty.id: commit_records(local, empty, [toy.refusal(2)]),
    }
    manifest = publish(local, layer="media", name="m", entries=entries, code_version="1", config={}, models={}, inputs=())
    assert [row["unit"] for row in media_units(Dataset(local, manifest))] == [full.id]


def test_a_token_dataset_is_refused_by_name(local: Store, toy: Any) -> None:
    tokens = toy.publish_tokens(local, toy.publish_media(local, range(1)), range(1))
    with pytest.raises(ValueError, match="toy@v1 is of the token layer"):
        list(media_units(tokens))


@pytest.mark.parametrize(("start", "stop"), [(0, 2), (1, 4), (3, 5)])
def test_the_rows_of_a_range_are_read_with_their_shard(local: Store, toy: Any, start: int, stop: int) -> None:
    from omniforge.pipeline.media import commit_records

    entry = commit_records(local, toy.unit(), [toy.record(number) for number in range(5)])
    assert entry.shard is not None
    unit = make_unit(
        stage="tokenize",
        corpus="toy",
        container=entry.shard.url,
        start=start,
        stop=stop,
        identity=entry.shard.sha256,
        fingerprints={},
        index=entry.index.url,
    )
    rows = unit_rows(local, unit)
    assert [row["key"] for row in rows] == [toy.record(number).key for number in range(start, stop)]
    assert {row["shard"] for row in rows} == {entry.shard.url}


def test_an_index_altered_since_it_was_committed_is_not_worked_on(local: Store, toy: Any) -> None:
    from omniforge.pipeline.media import commit_records

    entry = commit_records(local, toy.unit(), [toy.record(1)])
    local.write(entry.index.url, local.read(entry.index.url) + b" ")
    with pytest.raises(StorageError, match="not those its name tells of"):
        unit_rows(local, toy.unit(stage="tokenize", index=entry.index.url))
