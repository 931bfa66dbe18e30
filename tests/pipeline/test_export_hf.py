"""A Hugging Face data set, read by `datasets` itself, and the same records back from it."""

import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from datasets import Audio, Image, load_dataset

from omniforge.pipeline.export import Selection, export
from omniforge.pipeline.export_hf import HuggingFace
from omniforge.pipeline.sources.hf_parquet import HfParquet
from omniforge.schemas.record import Message, SourceRecord

FIELDS = (
    "kind", "text", "question", "answer", "messages", "language", "speaker", "license", "split", "parents", "repairs",
    "measures",
)  # fmt: skip


@pytest.fixture
def exported(toy, local, tmp_path):
    """Function (records, writer) -> the folder of their export."""

    def make(*records, writer=None):
        dataset = toy.publish_records(local, list(records))
        export(dataset, writer or HuggingFace(), tmp_path / "out", Selection())
        return tmp_path / "out"

    return make


def read_back(folder) -> dict[str, SourceRecord]:
    source = HfParquet(folder="data")
    found = {}
    for container in source.containers(folder):
        for item in source.read(folder, container.path, 0, container.records):
            assert isinstance(item, SourceRecord), item
            found[item.kind] = item
    return found


def test_datasets_reads_pictures_and_sounds_as_columns_of_their_own(toy, exported, tmp_path):
    asked, drawn = toy.spoken(1), toy.spoken(2, "s2i", split="test")
    folder = exported(asked, drawn)
    data = load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {split: data[split].num_rows for split in data} == {"train": 1, "test": 1}
    assert isinstance(data["train"].features["image"], Image)
    assert all(isinstance(data["train"].features[name], Audio) for name in ("speech", "question_audio", "answer_audio"))
    row = data["train"][0]
    assert row["image"].size == (48, 40)
    assert soundfile.read(io.BytesIO(row["answer_audio"]["bytes"]))[1] == 16_000
    assert row["question_audio"]["bytes"] == asked.media[1].data
    assert (row["kind"], row["question"], row["answer"], row["wer"]) == ("svqa", asked.question, asked.answer, 0.125)
    assert row["speech"] is None
    assert data["test"][0]["speech"]["bytes"] == drawn.media[1].data


def test_the_files_alone_tell_their_features(toy, exported, tmp_path):
    folder = exported(toy.spoken(1))
    files = str(folder / "data" / "*.parquet")
    data = load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert isinstance(data.features["image"], Image)
    assert isinstance(data.features["question_audio"], Audio)


def test_records_of_every_form_come_back_as_they_were(toy, exported):
    talk = toy.record(
        4, kind="chat", text=None, media=(toy.picture(1), toy.picture(2, "image2"), toy.sound(3), toy.sound(4, "speech2")),
        messages=(Message("user", "<|image|><|image|><|audio|>"), Message("assistant", "Both.\n<|audio|>")),
    )  # fmt: skip
    text_alone = toy.record(5, kind="tts", media=(), text="Nobody has\nsaid <|image|> this — 茶 yet.", split="validation")
    records = {r.kind: r for r in (toy.spoken(1), toy.spoken(2, "s2i"), toy.spoken(3, "asr"), talk, text_alone)}
    back = read_back(exported(*records.values()))
    assert back.keys() == records.keys()
    for kind, record in records.items():
        assert [getattr(back[kind], name) for name in FIELDS] == [getattr(record, name) for name in FIELDS]
        assert [(m.role, m.data) for m in back[kind].media] == [(m.role, m.data) for m in record.media]


def test_files_and_row_groups_are_of_bounded_size(toy, exported, monkeypatch):
    monkeypatch.setattr("omniforge.pipeline.export_hf.GROUP_ROWS", 2)
    records = [toy.spoken(number) for number in range(7)]
    size = sum(len(file.data) for record in records for file in record.media)
    folder = exported(*records, writer=HuggingFace(file_bytes=size // 2))
    files = sorted((folder / "data").iterdir())
    assert [path.name for path in files] == [f"train-0000{number}-of-00003.parquet" for number in range(3)]
    groups = [
        [pq.ParquetFile(path).metadata.row_group(g).num_rows for g in range(pq.ParquetFile(path).num_row_groups)]
        for path in files
    ]
    assert groups == [[2, 1], [2, 1], [1]]


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("answer", "Another.", "altered_export"),
        ("question_audio", {"bytes": b"other", "path": "a.flac"}, "altered_export"),
        ("answer_audio", None, "missing_media"),
        ("omniforge", "none", "wrong_type"),
    ],
)
def test_an_altered_row_is_refused(toy, exported, column, value, reason):
    folder = exported(toy.spoken(1))
    path = folder / "data" / "train-00000-of-00001.parquet"
    table = pq.read_table(path)
    changed = pa.array([value], table.schema.field(column).type)
    pq.write_table(table.set_column(table.schema.get_field_index(column), table.schema.field(column), changed), path)
    (item,) = HfParquet(folder="data").read(folder, "data/train-00000-of-00001.parquet", 0, 1)
    assert item.reason == reason


def test_the_card_counts_records_by_licence(toy, exported):
    folder = exported(toy.spoken(1), toy.spoken(2, license=None), toy.spoken(3))
    card = (folder / "README.md").read_text()
    assert "| toy | CC-BY-4.0 | 2 |" in card
    assert "| toy | not known | 1 |" in card
    assert json.loads((folder / "export.json").read_text())["complete"] is True
