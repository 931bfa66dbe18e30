from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from omniforge.pipeline.catalog import VIEWS, connect, lineage, rows
from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import Store
from omniforge.schemas.record import Message


def ask(dataset: Dataset, sql: str, parameters: list[Any] | None = None) -> list[dict[str, Any]]:
    connection = connect(dataset)
    try:
        return list(rows(connection, sql, parameters))
    finally:
        connection.close()


@pytest.fixture
def tokens(local: Store, toy: Any) -> Dataset:
    dataset: Dataset = toy.publish_tokens(local, toy.publish_media(local, range(3)), range(2))
    return dataset


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_answers(tokens: Dataset, view: str) -> None:
    answer = ask(tokens, f"select * from {view}")
    assert bool(answer) == (view not in ("utterances", "voices"))


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_answers_for_a_media_dataset_alone(local: Store, toy: Any, view: str) -> None:
    answer = ask(toy.publish_media(local, range(1)), f"select * from {view}")
    assert bool(answer) == (view not in ("utterances", "voices", "samples", "tasks"))


@pytest.mark.parametrize("where", ["moto", "localbucket"])
def test_the_same_questions_are_answered_from_s3(where: str, store_on: Callable[[str], Store], toy: Any) -> None:
    store = store_on(where)
    dataset = toy.publish_tokens(store, toy.publish_media(store, range(2)), range(1))
    assert ask(dataset, "select count(*) as n from records where license = 'CC-BY-4.0'") == [{"n": 2}]
    assert ask(dataset, "select task, samples, tokens from tasks") == [{"task": "caption", "samples": 1, "tokens": 10}]


def test_outcomes_hold_a_row_for_each_record_of_each_stage_and_task(tokens: Dataset) -> None:
    outcomes = ask(tokens, "select stage, task, outcome, reason from outcomes")
    assert Counter((row["stage"], row["task"], row["outcome"], row["reason"]) for row in outcomes) == {
        ("pull", "", "kept", ""): 3,
        ("pull", "", "refused", "too_short"): 3,
        ("tokenize", "caption", "kept", ""): 2,
        ("tokenize", "t2i", "refused", "over_length"): 2,
    }


def test_outcomes_add_up_to_what_the_units_read(tokens: Dataset) -> None:
    counted = ask(tokens, "select stage, count(*) as n from outcomes group by stage order by stage")
    read = ask(tokens, "select stage, sum(read)::bigint as n from units group by stage order by stage")
    assert counted == read


def test_records_that_two_versions_below_share_are_counted_once(local: Store, toy: Any) -> None:
    first = toy.publish_media(local, range(1))
    second = toy.publish_media(local, range(2))
    content = first.manifest.content
    made = toy.publish_media(
        local,
        range(10, 11),
        name="sdvi",
        inputs=tuple(f"{content.name}@sha256:{version.manifest.content_sha256}" for version in (first, second)),
    )
    assert len(lineage(made).datasets) == 3
    assert ask(made, "select dataset, count(*) as n from records group by dataset order by dataset") == [
        {"dataset": "sdvi", "n": 1},
        {"dataset": "toy-media", "n": 2},
    ]
    assert ask(made, "select count(*) as n, count(distinct source_uri) as uris from outcomes") == [{"n": 6, "uris": 6}]


def test_each_sound_of_a_record_is_an_utterance_with_its_own_text_voice_and_measures(local: Store, toy: Any) -> None:
    asked, drawn = toy.spoken(1), toy.spoken(2, "s2i")
    sql = "select role, text, voice, engine, wer, seconds from utterances order by kind, role"
    rates = {"engine": "hibari", "seconds": 2.0}
    assert ask(toy.publish_records(local, [asked, drawn]), sql) == [
        {"role": "speech", "text": drawn.text, "voice": "heart-p078-r097", "wer": 0.125, **rates},
        {"role": "answer", "text": asked.answer, "voice": "heart-p120-r097", "wer": 0.0, **rates},
        {"role": "question", "text": asked.question, "voice": "heart-p078-r097", "wer": 0.125, **rates},
    ]


def test_the_pace_of_a_conversation_is_that_of_the_sound_whose_words_are_known(local: Store, toy: Any) -> None:
    turns = (Message("user", "<|image|><|audio|>"), Message("assistant", "A bus.\n<|audio|>"))
    asked = toy.spoken(1, question=None, answer="A bus.", messages=turns, measures={"words_per_second": 2.5})
    sql = "select role, text, words_per_second as pace, voice, wer, quality from utterances order by role"
    unmeasured = {"voice": None, "wer": None, "quality": None}
    assert ask(toy.publish_records(local, [asked]), sql) == [
        {"role": "answer", "text": "A bus.", "pace": 2.5, **unmeasured},
        {"role": "question", "text": None, "pace": None, **unmeasured},
    ]


def test_measures_are_of_the_first_sound_and_of_no_further_one(local: Store, toy: Any) -> None:
    measures = {"voice": "anna", "engine": "hibari", "wer": 0.125, "quality": 3.0, "words_per_second": 2.5}
    sounds = (toy.sound(1), toy.sound(2, "speech2"), toy.sound(3, "speech3"))
    talk = toy.spoken(1, "chat", text="Hello.", media=sounds, measures=measures)
    sql = "select voice, wer, quality, words_per_second, text from utterances order by role"
    first, *further = [tuple(row.values()) for row in ask(toy.publish_records(local, [talk]), sql)]
    assert first == ("anna", 0.125, 3.0, 2.5, "Hello.")
    assert further == [(None,) * 5] * 2


def test_voices_count_questions_and_answers_with_their_own_seconds(local: Store, toy: Any) -> None:
    dataset = toy.publish_records(local, [toy.spoken(1), toy.spoken(2, "s2i")])
    assert ask(dataset, "select voice, utterances, seconds, mean_wer from voices") == [
        {"voice": "heart-p078-r097", "utterances": 2, "seconds": 4.0, "mean_wer": 0.125},
        {"voice": "heart-p120-r097", "utterances": 1, "seconds": 2.0, "mean_wer": 0.0},
    ]


def test_an_index_written_before_a_column_was_added_is_read_with_nulls(local: Store, toy: Any) -> None:
    dataset = toy.publish_records(local, [toy.spoken(1)])
    index = Path(local.root, dataset.manifest.content.parts[0].index.url)
    old = pl.read_parquet(index).drop("quality", "answer_quality", "augmentation", "answer_augmentation", "answer_engine")
    old.write_parquet(index)
    assert ask(dataset, "select distinct quality, augmentation, engine from utterances") == [
        {"quality": None, "augmentation": None, "engine": "hibari"}
    ]


def test_records_read_back_from_an_export_count_for_their_corpus(local: Store, toy: Any) -> None:
    work = toy.unit(1)
    entry = commit_records(local, work, [toy.spoken(1)])
    values: dict[str, Any] = {"code_version": "1", "config": {}, "models": {}, "inputs": ()}
    manifest = publish(local, layer="media", name="back-media", entries={work.id: entry}, **values)
    assert ask(Dataset(local, manifest), "select corpus, kept::int as kept from corpora") == [{"corpus": "toy", "kept": 1}]


def test_parameters_are_bound_and_never_pasted(tokens: Dataset) -> None:
    assert ask(tokens, "select * from records where key = ?", ["' or 1 = 1 --"]) == []


def test_more_rows_than_a_batch_come_out_whole(tokens: Dataset) -> None:
    assert len(ask(tokens, "select * from range(2500)")) == 2500


def test_duckdb_alone_reads_the_index_files(tokens: Dataset) -> None:
    files = str(Path(tokens.store.root, "index/tokens/*.parquet"))
    with duckdb.connect(":memory:") as connection:
        sql = "select task, count(*), sum(length)::int, max(len(members)) from read_parquet(?) group by task"
        assert connection.execute(sql, [files]).fetchall() == [("caption", 2, 20, 2)]
        nested = "select m.name from (select unnest(members) as m from read_parquet(?)) where m.role = 'ids' order by 1 limit 1"
        ((name,),) = connection.execute(nested, [files]).fetchall()
        assert name.endswith("-caption.ids.npy")
