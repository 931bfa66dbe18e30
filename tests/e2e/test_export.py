"""What synthesis made goes out in both forms and comes back as it was, through the commands a user types."""

from pathlib import Path

import pytest
from building import Build, omniforge

from omniforge.pipeline.catalog import connect, rows
from omniforge.pipeline.filters.check import CheckConfig, check
from omniforge.pipeline.media import read_records
from omniforge.pipeline.reference import open_dataset
from omniforge.pipeline.sources.conversations import Conversations
from omniforge.pipeline.sources.hf_parquet import HfParquet
from omniforge.pipeline.sources.source import Source
from omniforge.schemas.record import Record, SourceRecord

FIELDS = (
    "kind", "text", "question", "answer", "messages", "language", "speaker", "license", "split", "parents", "repairs",
)  # fmt: skip


def what_it_is(record: Record) -> tuple[object, ...]:
    """Everything that an export has to keep, but the measures."""
    return (*(getattr(record, name) for name in FIELDS), *((file.role, file.sha256) for file in record.media))


def kept_of(source: Source, folder: Path) -> list[Record]:
    """What a pull of the export keeps."""
    kept = []
    for container in source.containers(folder):
        for item in source.read(folder, container.path, 0, container.records):
            assert isinstance(item, SourceRecord), item
            record = check(item, corpus="back", config=CheckConfig())
            assert isinstance(record, Record), record
            kept.append(record)
    return kept


@pytest.mark.parametrize(("form", "source"), [("jsonl", Conversations()), ("hf", HfParquet(folder="data"))])
def test_spoken_records_come_back_from_an_export(small_build: Build, tmp_path: Path, form: str, source: Source) -> None:
    reference = small_build.reference("small-sdvi")
    said = omniforge("export", reference, "--format", form, "--output", str(tmp_path / form))
    dataset = open_dataset(reference)
    connection = connect(dataset)
    there = list(rows(connection, "select * from records where dataset = 'small-sdvi'"))
    connection.close()
    originals = {what_it_is(record): record for row in there for record in read_records(dataset.store, [row])}
    assert f"{len(originals)} records" in said
    back = {what_it_is(record): record for record in kept_of(source, tmp_path / form)}
    assert back.keys() == originals.keys()
    for name, record in back.items():
        assert originals[name].measures.items() <= record.measures.items()
