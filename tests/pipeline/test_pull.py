"""What a pull hears, and what it leaves as it came."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from omniforge.pipeline.export import Selection, export
from omniforge.pipeline.export_jsonl import JsonLines
from omniforge.pipeline.filters.check import CheckConfig
from omniforge.pipeline.media import Outcome
from omniforge.pipeline.pull import Corpus, PullConfig, hear, plan_pull, read_and_check
from omniforge.pipeline.sources.conversations import Conversations
from omniforge.pipeline.storage import Store
from omniforge.schemas.record import Record, Refusal
from omniforge.synth.roundtrip import Recogniser


@pytest.fixture(scope="module")
def recogniser() -> Recogniser:
    return Recogniser.load()


def pulled(folder: Path, recogniser: Recogniser) -> list[Outcome]:
    """What a pull makes of an export when it listens."""
    corpus, config = Corpus(name="back", source=Conversations(), root=folder), CheckConfig()
    units = plan_pull([corpus], PullConfig(check=config), recogniser.fingerprint)
    read = [pair for unit in units for pair in read_and_check(unit, corpus, config)]
    return [hear(outcome, related, recogniser, config.transcript) for outcome, related in read]


@pytest.mark.parametrize("kind", ["asr", "s2i"])
def test_what_was_heard_before_an_export_is_not_heard_anew(
    local: Store, tmp_path: Path, toy: Any, recogniser: Recogniser, kind: str
) -> None:
    record = toy.spoken(1, kind)
    export(toy.publish_records(local, [record]), JsonLines(), tmp_path / "out", Selection())
    (back,) = pulled(tmp_path / "out", recogniser)
    assert isinstance(back, Record), back
    assert back.measures == record.measures


def test_an_exported_recording_that_nobody_heard_is_heard(
    local: Store, tmp_path: Path, toy: Any, recogniser: Recogniser
) -> None:
    record = toy.spoken(1, "asr")
    unheard = replace(record, measures={name: value for name, value in record.measures.items() if name != "asr_text"})
    export(toy.publish_records(local, [unheard]), JsonLines(), tmp_path / "out", Selection())
    (back,) = pulled(tmp_path / "out", recogniser)
    assert isinstance(back, Refusal), "its sound is noise"
    assert back.reason == "transcript_mismatch"
