from typing import Any

import pytest

from omniforge.pipeline.lineage import explain
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import Store


@pytest.fixture
def tokens(local: Store, toy: Any) -> Dataset:
    dataset: Dataset = toy.publish_tokens(local, toy.publish_media(local, range(2)), range(2))
    return dataset


def test_a_sample_leads_to_its_units_its_record_and_its_source(tokens: Dataset, toy: Any) -> None:
    record = toy.record(100)
    steps = explain(tokens, f"{record.key}-caption")
    assert [step.what for step in steps][:5] == ["sample", "unit", "record", "unit", "source"]
    assert [step.name for step in steps if step.what == "unit"] == [toy.unit(1, stage="tokenize").id, toy.unit(1).id]
    (source,) = [step for step in steps if step.what == "source"]
    assert source.name == record.source_uri
    assert steps[2].facts["text"] == record.text
    assert "24x16" in steps[2].facts["media"]


def test_a_record_that_a_task_refused_tells_so(tokens: Dataset, toy: Any) -> None:
    steps = explain(tokens, toy.record(0).key)
    assert [step.facts["reason"] for step in steps if step.what == "quarantined"] == ["over_length"]


def test_a_refused_record_has_a_way_too(tokens: Dataset, toy: Any) -> None:
    (step,) = explain(tokens, toy.refusal(101).key)
    assert (step.what, step.facts["stage"], step.facts["reason"]) == ("quarantined", "pull", "too_short")
    assert step.facts["source_uri"] == toy.refusal(101).source_uri


def test_a_made_record_leads_through_its_parents_to_the_source(local: Store, toy: Any) -> None:
    from omniforge.pipeline.manifest import publish
    from omniforge.pipeline.media import commit_records

    media = toy.publish_media(local, range(1))
    unit = toy.unit(9, stage="synth")
    parent = toy.record(0)
    made = toy.record(900, kind="s2i", parents=(parent.key,), media=(toy.picture(1), toy.sound(1)))
    content = media.manifest.content
    sdvi = publish(
        local,
        layer="media",
        name="sdvi",
        entries={unit.id: commit_records(local, unit, [made])},
        code_version="1",
        config={},
        models={},
        inputs=(f"{content.name}@sha256:{media.manifest.content_sha256}",),
    )
    steps = explain(Dataset(local, sdvi), made.key)
    assert [step.name for step in steps if step.what == "record"] == [made.key, parent.key]
    assert [step.name for step in steps if step.what == "source"] == [parent.source_uri]
    assert "0.10 s" in steps[0].facts["media"]


def test_an_unknown_key_is_an_error_that_names_it(tokens: Dataset) -> None:
    with pytest.raises(ValueError, match="no sample or record 'nobody'"):
        explain(tokens, "nobody")
