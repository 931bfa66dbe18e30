from collections import Counter
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from conftest import S3Server, make_bucket
from hypothesis import given, settings
from hypothesis import strategies as st
from token_datasets import VOCABULARY, grounded, made_dataset, make_sample, publish_samples

from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.storage import LocalStore
from omniforge.trainer.corruption import IGNORE
from omniforge.trainer.loader import Loader, LoaderConfig, NoSamplesError, PackedRow, Position
from omniforge.trainer.span_reader import StoredSample
from omniforge.trainer.spans import DataError

COUNTS = {"t2i": 50, "caption": 40, "asr": 7}
SMALL = LoaderConfig(sequence_length=128, window_samples=30, span_bytes=9000)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return made_dataset(tmp_path_factory.mktemp("made"), COUNTS, held_out=3)


def loader(dataset: Dataset, weights: dict[str, float] | None = None, config: LoaderConfig = SMALL, seed: int = 1) -> Loader:
    return Loader(dataset=dataset, weights=weights, config=config, seed=seed)


def keys(rows: list[PackedRow]) -> list[list[str]]:
    return [[draw.sample.key for draw in row] for row in rows]


def flat(rows: list[PackedRow]) -> list[str]:
    return [key for row in keys(rows) for key in row]


class CountingStore(LocalStore):
    """A store that remembers its range reads."""

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.reads: list[int] = []

    def read(self, key: str, offset: int = 0, length: int | None = None) -> bytes:
        if length is not None:
            self.reads.append(length)
        return super().read(key, offset, length)


def test_without_weights_every_training_sample_comes_once_an_epoch(dataset: Dataset) -> None:
    for epoch in range(3):
        drawn = flat(list(loader(dataset).epoch(epoch)))
        assert len(drawn) == len(set(drawn)) == sum(COUNTS.values())
        assert not [key for key in drawn if "test" in key]


def test_weights_set_the_shares_and_small_streams_are_gone_through_again(dataset: Dataset) -> None:
    mixed = loader(dataset, {"t2i": 29.0, "asr": 28.0})
    seen: Counter[str] = Counter()
    for epoch in range(2):
        rows = list(mixed.epoch(epoch))
        assert Counter(draw.name.split("/")[0] for row in rows for draw in row) == {"t2i": 29, "asr": 28}
        seen.update(draw.sample.key for row in rows for draw in row if draw.name.startswith("asr"))
    assert set(seen.values()) == {8}


def test_an_epoch_is_a_function_of_seed_and_number_alone(dataset: Dataset) -> None:
    used = loader(dataset)
    first = keys(list(used.epoch(0)))
    second = keys(list(used.epoch(1)))
    assert keys(list(loader(dataset).epoch(1))) == second
    assert first != second
    assert keys(list(loader(dataset, seed=2).epoch(0))) != first


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 60), st.integers(1, 200), st.sampled_from([None, {"t2i": 1.0, "asr": 2.0}]))
def test_going_on_from_a_position_is_never_having_stopped(
    dataset: Dataset, taken: int, window: int, weights: dict[str, float] | None
) -> None:
    config = replace(SMALL, window_samples=window)
    straight = list(islice(loader(dataset, weights, config).rows(Position()), taken + 10))
    position = straight[taken - 1][1] if taken else Position()
    resumed = list(islice(loader(dataset, weights, config).rows(position), 10))
    assert keys([row for row, _ in resumed]) == keys([row for row, _ in straight[taken:]])
    assert resumed[-1][1] == straight[-1][1]


def test_rows_hold_what_fits_and_are_nearly_full(tmp_path: Path) -> None:
    many = made_dataset(tmp_path, {"t2i": 600, "caption": 600}, per_unit=600)
    rows = list(loader(many, config=LoaderConfig(sequence_length=1024, window_samples=1200)).epoch(0))
    lengths = [sum(draw.length for draw in row) for row in rows]
    assert max(lengths) <= 1024
    assert sum(lengths) / (1024 * len(rows)) > 0.97


def test_spans_are_read_whole_by_one_range_read_and_only_once_where_streams_advance_alike(dataset: Dataset) -> None:
    store = CountingStore(dataset.store.root)
    plan = loader(Dataset(store, dataset.manifest))
    store.reads.clear()
    list(plan.epoch(0))
    spans = len(plan.table.shard)
    assert spans > len(plan.table.shards)
    assert spans <= len(store.reads) <= spans + plan.windows * len(COUNTS)
    largest = int((plan.table.stop - plan.table.start).max())
    assert largest < 2 * SMALL.span_bytes + 4096


def test_a_shuffled_epoch_mixes_shards(dataset: Dataset) -> None:
    numbers = [int(key.split("-")[1]) for key in flat(list(loader(dataset).epoch(0)))]
    assert abs(np.corrcoef(np.arange(len(numbers)), numbers)[0, 1]) < 0.5


def test_held_out_samples_are_reached_by_their_split_alone(dataset: Dataset) -> None:
    held_out = Loader(dataset=dataset, weights=None, config=SMALL, seed=1, split="test")
    assert len(flat(list(held_out.epoch(0)))) == 9
    assert not set(flat(list(held_out.epoch(0)))) & set(flat(list(loader(dataset).epoch(0))))


def test_samples_that_do_not_fit_are_left_out_whole_and_counted(tmp_path: Path) -> None:
    samples = [make_sample("t2i", number, longest=200) for number in range(30)]
    mixed = publish_samples(tmp_path, {"long": samples})
    plan = loader(mixed, config=replace(SMALL, sequence_length=96))
    fitting = [sample.key for sample in samples if len(sample.sample.ids) <= 96 - 16]
    assert 0 < len(fitting) < 30
    assert sorted(flat(list(plan.epoch(0)))) == sorted(fitting)
    assert plan.table.too_long == 30 - len(fitting)


def test_tails_are_one_to_sixteen_pads_and_drawn_anew_each_time(dataset: Dataset) -> None:
    plan = loader(dataset)
    tails = [{draw.sample.key: draw.tail for row in plan.epoch(epoch) for draw in row} for epoch in range(2)]
    assert set(tails[0].values()) <= set(range(1, 17))
    assert len(set(tails[0].values())) > 8
    assert tails[0] != tails[1]


def test_text_chats_alone_can_be_asked_for(tmp_path: Path) -> None:
    spoken = [replace(make_sample("asr", number), task="chat") for number in range(4)]
    written = [replace(make_sample("caption", number + 10), task="chat") for number in range(6)]
    chats = publish_samples(tmp_path, {"chats": spoken + written})
    drawn = set(flat(list(loader(chats, {"text_chat": 1.0}).epoch(0))))
    assert drawn == {sample.key for sample in written}


def test_a_dataset_on_s3_gives_the_rows_it_gives_on_disk(
    tmp_path: Path, moto_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in moto_server.environment().items():
        monkeypatch.setenv(name, value)
    root = f"s3://{make_bucket(moto_server, 'training')}/root"
    there, here = made_dataset(root, COUNTS), made_dataset(tmp_path, COUNTS)
    assert keys(list(loader(there).epoch(0))) == keys(list(loader(here).epoch(0)))


def test_a_split_without_samples_is_an_error_that_names_it(dataset: Dataset) -> None:
    with pytest.raises(NoSamplesError, match="no sample of split 'dev'"):
        Loader(dataset=dataset, weights=None, config=SMALL, seed=1, split="dev")


def test_weights_for_what_the_data_lacks_name_what_it_has(dataset: Dataset) -> None:
    with pytest.raises(DataError, match="it has asr 7, caption 40, t2i 50"):
        loader(dataset, {"s2i": 1.0})


def test_ids_are_those_that_were_tokenized(dataset: Dataset) -> None:
    made = {sample.key: sample for sample in (make_sample("t2i", number) for number in range(50))}
    for row in loader(dataset, {"t2i": 1.0}).epoch(0):
        for draw in row:
            assert draw.sample.ids.tolist() == made[draw.sample.key].sample.ids.tolist()
            assert draw.sample.loss_spans == made[draw.sample.key].sample.loss_spans
            assert int(draw.sample.ids.max()) < VOCABULARY.size


def test_what_codes_show_is_read_as_it_was_told(tmp_path: Path) -> None:
    told = grounded(make_sample("asr", 1))
    silent = make_sample("asr", 2)
    found = flat_samples(loader(publish_samples(tmp_path, {"one": [told, silent]})))
    read = found[told.key]
    pairs = list(zip(read.grounded.tolist(), read.words[:, 0].tolist(), strict=True))
    assert pairs == [*told.grounding, *told.mentions]
    assert found[silent.key].grounded.size == 0


def test_codes_may_show_what_takes_words_of_different_number(tmp_path: Path) -> None:
    told = replace(make_sample("asr", 1), grounding=((1, 5), (2, 6, 7)))
    assert flat_samples(loader(publish_samples(tmp_path, {"one": [told]})))[told.key].words.tolist() == [[5, IGNORE], [6, 7]]


def test_what_phrases_mean_comes_behind_what_codes_show(tmp_path: Path) -> None:
    told = replace(make_sample("asr", 1), grounding=((1, 5), (2, 6)), mentions=((3, 7),))
    read = flat_samples(loader(publish_samples(tmp_path, {"one": [told]})))[told.key]
    assert (read.grounded.tolist(), read.later.tolist(), read.words.tolist()) == ([1, 2, 3], [0, 0, 1], [[5], [6], [7]])


@pytest.mark.parametrize("wrong", [(10_000, 1), (1, 10_000), (-1, 1), (1,)])
def test_what_is_shown_nowhere_or_in_no_word_is_an_error(tmp_path: Path, wrong: tuple[int, ...]) -> None:
    for number, name in enumerate(("grounding", "mentions")):
        broken = replace(make_sample("asr", 1), **{name: (wrong,)})
        with pytest.raises(DataError, match=f"{broken.key} says what is shown or meant"):
            list(loader(publish_samples(tmp_path / str(number), {"one": [broken]})).epoch(0))


def flat_samples(whole: Loader) -> dict[str, StoredSample]:
    return {draw.sample.key: draw.sample for row in whole.epoch(0) for draw in row}


def test_a_version_whose_later_part_has_nothing_held_out_validates_on_what_the_earlier_has(tmp_path: Path) -> None:
    before = {
        "first": [make_sample("asr", number) for number in range(6)],
        "test": [make_sample("asr", number, "test") for number in range(3)],
    }
    publish_samples(tmp_path, before)
    grown = publish_samples(tmp_path, before | {"added": [make_sample("asr", number) for number in range(6, 12)]})
    assert len(grown.manifest.content.parts) == 2
    held_out = flat(list(Loader(dataset=grown, weights=None, config=SMALL, seed=1, split="test").epoch(0)))
    assert sorted(held_out) == sorted(one.record.key + "-asr" for one in before["test"])
