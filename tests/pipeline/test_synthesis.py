import io
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import Store, open_store
from omniforge.pipeline.synthesis import SpokenTask, SynthesisConfig, plan_synthesis, synthesis_operators
from omniforge.pipeline.validation import validate
from omniforge.schemas.index import RecordIndex
from omniforge.schemas.ledger import LedgerEntry
from omniforge.schemas.record import Record
from omniforge.schemas.table import require_valid
from omniforge.synth.augment import AugmentConfig, Effect
from omniforge.synth.config import SynthConfig
from omniforge.synth.roundtrip import RoundtripConfig
from omniforge.synth.voices import EMBEDDED_VOICES, Voice

TEXTS = ("A red bus stops at the old station.", "Two dogs sleep on a grey sofa.", "A child eats an apple.")
S2I = (SpokenTask(task="s2i", kinds=("caption",)),)
UNHEARD = SynthConfig(verify_share=0.0, quality_share=0.0)


def captions(toy: Any, count: int = len(TEXTS), **changes: Any) -> list[Record]:
    return [toy.record(number, text=TEXTS[number % len(TEXTS)], **changes) for number in range(count)]


def synthesise(source: Dataset, target: Store, config: SynthesisConfig) -> dict[str, LedgerEntry]:
    """Run the operators of a synthesis one after the other in this process."""
    entries = {}
    steps = [operator.build() for operator in synthesis_operators(source.store, target, config)]
    for unit in plan_synthesis(source, config, "engine"):
        row: dict[str, Any] = {"unit": unit.to_json(), "payload": b""}
        for step in steps:
            row = step(row)
        ledger = target.read(f"ledger/{unit.id[:2]}/{unit.id}.json")
        entries[unit.id] = LedgerEntry.model_validate_json(ledger)
    return entries


def index_of(store: Store, entries: dict[str, LedgerEntry]) -> pl.DataFrame:
    return pl.concat([pl.read_parquet(io.BytesIO(store.read(entry.index.url))) for entry in entries.values()]).sort("key")


def shards(entries: dict[str, LedgerEntry]) -> list[str]:
    return sorted(entry.shard.sha256 for entry in entries.values() if entry.shard)


def test_what_was_measured_of_speech_stands_in_the_index(local: Store, toy: Any) -> None:
    source = toy.publish_records(local, captions(toy, 1), name="toy-media")
    (row,) = index_of(local, synthesise(source, local, SynthesisConfig(tasks=S2I))).to_dicts()
    assert row["quality"] > RoundtripConfig().min_quality
    assert row["wer"] < 0.2
    assert (row["engine"], row["augmentation"]) == ("hibari", None)


def test_the_cache_changes_no_byte_and_is_asked_instead_of_the_models(
    local: Store, toy: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    source = toy.publish_records(local, captions(toy, 1), name="toy-media")
    effects = AugmentConfig(effects=(Effect(kind="noise", share=1.0),))
    config = SynthesisConfig(tasks=S2I, speech=SynthConfig(augment=effects))
    without, cold, warm = (open_store(str(tmp_path / name)) for name in ("without", "cold", "warm"))
    first = synthesise(source, without, replace(config, cache=False))
    second = synthesise(source, cold, config)
    assert list(without.list("cache")) == []
    for key in cold.list("cache"):
        warm.write(key, cold.read(key))

    from omniforge.synth.quality import QualityModel
    from omniforge.synth.roundtrip import Recogniser
    from omniforge.synth.tts.hibari import HibariEngine

    def forbidden(*_: Any) -> None:
        raise AssertionError("a model was asked what the cache knows")

    for model, method in ((HibariEngine, "speak"), (Recogniser, "transcribe"), (QualityModel, "score")):
        monkeypatch.setattr(model, method, forbidden)
    third = synthesise(source, warm, config)
    assert first == second == third
    relaxed = SynthConfig(augment=effects, roundtrip=RoundtripConfig(max_wer=0.5, min_quality=1.5))
    again = synthesise(source, warm, replace(config, speech=relaxed))
    assert again.keys().isdisjoint(third)
    assert shards(again) == shards(third)


def test_a_damaged_entry_is_made_again_and_changes_no_byte(
    local: Store, toy: Any, tmp_path: Any, caplog: pytest.LogCaptureFixture
) -> None:
    source = toy.publish_records(local, captions(toy, 1), name="toy-media")
    config = SynthesisConfig(tasks=S2I, speech=UNHEARD)
    sound, damaged = open_store(str(tmp_path / "sound")), open_store(str(tmp_path / "damaged"))
    first = synthesise(source, sound, config)
    (key,) = sound.list("cache")
    damaged.write(key, sound.read(key)[:100])
    assert synthesise(source, damaged, config) == first
    assert key.rsplit("/", 1)[-1] in caplog.text
    assert damaged.read(key) == sound.read(key)


def test_all_that_is_spoken_about_one_picture_falls_in_one_split(local: Store, toy: Any) -> None:
    records = []
    for number in range(20):
        same = toy.picture(number)
        records.append(toy.record(2 * number, text="A red bus stops.", media=(same,)))
        asked = {"kind": "vqa", "text": None, "question": "Is there a bus?", "answer": "Yes, there is one."}
        records.append(toy.record(2 * number + 1, media=(same,), **asked))
    source = toy.publish_records(local, records, name="toy-media")
    config = SynthesisConfig(speech=UNHEARD, test_share=0.3, cache=False)
    index = index_of(local, synthesise(source, local, config))
    assert index.height == 40
    pictures = [next(m["sha256"] for m in members if m["width"] is not None) for members in index["members"].to_list()]
    splits = index.with_columns(pl.Series("picture", pictures)).group_by("picture").agg(pl.col("split").unique())
    assert splits["split"].list.len().to_list() == [1] * 20
    assert 2 < splits["split"].list.contains("test").sum() < 12


def test_held_out_voices_speak_the_test_split_and_nothing_else(local: Store, toy: Any) -> None:
    records = [*captions(toy, 6), *(toy.record(number, text=TEXTS[0], split="test") for number in range(6, 12))]
    source = toy.publish_records(local, records, name="toy-media")
    held_out = {voice.name for voice in EMBEDDED_VOICES[:5]}
    voices = tuple(replace(voice, held_out=voice.name in held_out) for voice in EMBEDDED_VOICES)
    config = SynthesisConfig(tasks=S2I, speech=replace(UNHEARD, voices=voices))
    index = index_of(local, synthesise(source, local, config))
    assert index.height == 12
    assert all((row["split"] == "test") == (row["voice"] in held_out) for row in index.to_dicts())


def test_a_sentence_is_spoken_by_one_voice_and_recited_by_the_one_that_is_there_for_it(local: Store, toy: Any) -> None:
    source = toy.publish_records(local, captions(toy, 2), name="toy-media")
    reciter = Voice(name="reciter", engine="phrases", speaker="heart", tasks=("recited",))
    tasks = (SpokenTask(task="spoken", kinds=("caption",)), SpokenTask(task="recited", kinds=("caption",)))
    config = SynthesisConfig(tasks=tasks, speech=replace(UNHEARD, voices=(*EMBEDDED_VOICES, reciter)))
    index = index_of(local, synthesise(source, local, config))
    assert [(row["kind"], row["voice"] == "reciter", row["engine"]) for row in index.sort("kind").to_dicts()] == [
        *[("asr", False, "hibari")] * 2,
        *[("tts", True, "phrases")] * 2,
    ]


def test_a_split_that_a_corpus_gave_is_kept(local: Store, toy: Any) -> None:
    source = toy.publish_records(local, captions(toy, split="val"), name="toy-media")
    index = index_of(local, synthesise(source, local, SynthesisConfig(tasks=S2I, speech=UNHEARD, test_share=1.0)))
    assert set(index["split"]) == {"val"}


def test_a_version_beside_a_cache_is_valid_and_augmentation_stands_in_it(local: Store, toy: Any) -> None:
    source = toy.publish_records(local, captions(toy), name="toy-media")
    speech = replace(UNHEARD, augment=AugmentConfig(effects=(Effect(kind="room", share=1.0, low=0.3, high=0.3),)))
    entries = synthesise(source, local, SynthesisConfig(tasks=S2I, speech=speech))
    manifest = publish(local, layer="media", name="s", entries=entries, code_version="1", config={}, models={}, inputs=())
    assert list(local.list("cache"))
    assert list(validate(Dataset(local, manifest))) == []
    assert set(index_of(local, entries)["augmentation"]) == {"room 0.30 s"}


def test_a_new_column_is_null_in_the_index_of_an_earlier_version(local: Store, toy: Any) -> None:
    entry = commit_records(local, toy.unit(), [toy.record(1)])
    index = pl.read_parquet(io.BytesIO(local.read(entry.index.url)))
    read = require_valid(RecordIndex, index.drop("quality", "answer_augmentation"), "index")
    assert read.columns == index.columns
    assert read.equals(index)


def test_a_share_that_is_none_is_named() -> None:
    with pytest.raises(ValueError, match=r"test_share is 1\.5"):
        SynthesisConfig(test_share=1.5)
