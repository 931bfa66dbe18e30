"""What synthesis made goes out in both forms and comes back as it was: through the user's commands, and a pull that hears."""

from collections import Counter
from pathlib import Path

import pytest
from building import Build, omniforge

from omniforge.pipeline.catalog import connect, rows
from omniforge.pipeline.filters.check import CheckConfig
from omniforge.pipeline.media import read_records
from omniforge.pipeline.pull import Corpus, PullConfig, hear, plan_pull, read_and_check
from omniforge.pipeline.reference import open_dataset
from omniforge.pipeline.sources.conversations import Conversations
from omniforge.pipeline.sources.hf_parquet import HfParquet
from omniforge.pipeline.sources.source import Source
from omniforge.schemas.record import Record
from omniforge.synth.roundtrip import Recogniser

FIELDS = (
    "kind", "text", "question", "answer", "messages", "language", "speaker", "license", "split", "parents", "repairs",
)  # fmt: skip


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.load()


def what_it_is(record: Record) -> tuple[object, ...]:
    """Everything that an export has to keep, and what synthesis measured; `peak_db` is measured by a pull."""
    media = ((file.role, file.sha256) for file in record.media)
    measures = frozenset((name, value) for name, value in record.measures.items() if name != "peak_db")
    return (*(getattr(record, name) for name in FIELDS), *media, measures)


def pulled(source: Source, folder: Path, recogniser: Recogniser) -> list[Record]:
    """What a pull of the export keeps, which has to be everything."""
    corpus, config = Corpus(name="back", source=source, root=folder), CheckConfig()
    kept = []
    for unit in plan_pull([corpus], PullConfig(check=config), recogniser.fingerprint):
        for outcome, related in read_and_check(unit, corpus, config):
            heard = hear(outcome, related, recogniser, config.transcript)
            assert isinstance(heard, Record), heard
            kept.append(heard)
    return kept


@pytest.mark.parametrize(("form", "source"), [("jsonl", Conversations()), ("hf", HfParquet(folder="data"))])
def test_spoken_records_come_back_from_an_export(
    small_build: Build, tmp_path: Path, recogniser: Recogniser, form: str, source: Source
) -> None:
    reference = small_build.reference("small-sdvi")
    said = omniforge("export", reference, "--format", form, "--output", str(tmp_path / form))
    dataset = open_dataset(reference)
    connection = connect(dataset)
    there = list(rows(connection, "select * from records where dataset = 'small-sdvi'"))
    connection.close()
    originals = [record for row in there for record in read_records(dataset.store, [row])]
    assert {record.kind for record in originals} == {"svqa", "s2i", "asr"}
    assert said.startswith(f"{tmp_path / form}: {len(originals)} records in ")
    back = pulled(source, tmp_path / form, recogniser)
    assert Counter(map(what_it_is, back)) == Counter(map(what_it_is, originals))
