"""Lines for the reference, and the same records back from them."""

import io
import json
from dataclasses import replace

import pytest
import soundfile
from datasets import load_dataset
from hypothesis import given, settings
from hypothesis import strategies as st
from reference_data import OWN_FIXTURES

from omniforge.pipeline.export import Selection, export
from omniforge.pipeline.export_hf import HuggingFace
from omniforge.pipeline.export_jsonl import JsonLines, conversation, line
from omniforge.pipeline.filters.check import CheckConfig, check
from omniforge.pipeline.sources.conversations import Conversations, parse_line
from omniforge.pipeline.sources.exported import restore
from omniforge.pipeline.sources.refused import Refused
from omniforge.schemas.record import Message, RawMedia, Record, SourceRecord
from omniforge.tokenizers.vocabulary import AUDIO_TAG, IMAGE_TAG, control_tokens

FIELDS = (
    "kind", "text", "question", "answer", "messages", "language", "speaker", "license", "split", "parents", "repairs",
)  # fmt: skip


def pulled_back(folder) -> list[Record]:
    """The records of an export as a pull keeps them."""
    source = Conversations()
    items = [
        item for container in source.containers(folder) for item in source.read(folder, container.path, 0, container.records)
    ]
    kept = [check(item, corpus="back", config=CheckConfig()) for item in items]
    assert all(isinstance(record, Record) for record in kept), kept
    return kept


def what_a_record_is(record) -> tuple:
    return tuple(getattr(record, name) for name in FIELDS)


def media_of(record) -> list[tuple[str, bytes]]:
    return [(file.role, file.data) for file in record.media]


def exported(toy, local, tmp_path, *records, writer=None, **selection):
    dataset = toy.publish_records(local, list(records))
    return export(dataset, writer or JsonLines(), tmp_path / "out", Selection(**selection))


@pytest.mark.parametrize("kind", ["svqa", "s2i", "asr"])
def test_a_spoken_record_comes_back_as_it_was(toy, local, tmp_path, kind) -> None:
    record = toy.spoken(1, kind, split="test")
    exported(toy, local, tmp_path, record)
    (back,) = pulled_back(tmp_path / "out")
    assert what_a_record_is(back) == what_a_record_is(record)
    assert [(m.role, m.format, m.sha256) for m in back.media] == [(m.role, m.format, m.sha256) for m in record.media]
    assert back.measures == record.measures


def test_a_sound_that_another_encoder_made_comes_back_byte_for_byte(toy, local, tmp_path) -> None:
    sound = toy.spoken(1, "asr").media[0]
    samples, rate = soundfile.read(io.BytesIO(sound.data), dtype="int16")
    other = io.BytesIO()
    soundfile.write(other, samples, rate, format="FLAC", subtype="PCM_16", compression_level=0.0)
    assert other.getvalue() != sound.data
    record = toy.spoken(1, "asr", media=(replace(sound, data=other.getvalue()),))
    exported(toy, local, tmp_path, record)
    (back,) = pulled_back(tmp_path / "out")
    assert media_of(back) == media_of(record)
    assert back.repairs == record.repairs


def test_a_conversation_comes_back_with_its_own_turns(toy, local, tmp_path) -> None:
    turns = (
        Message("user", "<|image|>\nWhich is larger?\n<|image|>"),
        Message("assistant", "The second.\n<|audio|>"),
        Message("user", "Why is that?"),
        Message("assistant", "It is\u2028nearer."),
    )
    media = (toy.picture(1, "image"), toy.picture(2, "image2"), toy.sound(3))
    record = toy.record(1, kind="chat", text=None, messages=turns, media=media)
    exported(toy, local, tmp_path, record)
    (item,) = Conversations().read(tmp_path / "out", "chat-image-audio-train-00000-of-00001.jsonl", 0, 1)
    assert what_a_record_is(item) == what_a_record_is(record)
    assert media_of(item) == media_of(record)


def test_a_medium_that_the_conversation_does_not_show_comes_back_too(toy, local, tmp_path) -> None:
    record = toy.spoken(1, "asr", media=(toy.picture(1), toy.sound(1)))
    exported(toy, local, tmp_path, record)
    (item,) = Conversations().read(tmp_path / "out", "asr-train-00000-of-00001.jsonl", 0, 1)
    assert media_of(item) == media_of(record)


def test_without_our_field_a_line_is_what_the_reference_is_trained_on(toy, local, tmp_path) -> None:
    record = toy.spoken(1)
    exported(toy, local, tmp_path, record)
    path = tmp_path / "out" / "svqa-train-00000-of-00001.jsonl"
    shown = json.loads(path.read_text())
    assert set(shown) == {"messages", "images", "audios", "omniforge"}
    del shown["omniforge"]
    path.write_text(json.dumps(shown))
    (item,) = Conversations().read(tmp_path / "out", path.name, 0, 1)
    assert (item.kind, item.answer) == ("svqa", record.answer)
    assert media_of(item) == media_of(record)
    assert [turn["role"] for turn in shown["messages"]] == ["system", "user", "assistant"]
    assert shown["messages"][2]["content"] == f"{record.answer}\n<|audio|>"


def skeleton(shown) -> tuple:
    """A line without its words: roles, where tags and words stand, how many media are listed."""
    turns = [
        (turn["role"], [part if part in (IMAGE_TAG, AUDIO_TAG) else "words" for part in turn["content"].split("\n")])
        for turn in shown["messages"]
    ]
    return turns, len(shown.get("images", [])), len(shown.get("audios", []))


@pytest.mark.parametrize(("kind", "fixture"), [("svqa", "spoken_vqa"), ("s2i", "speech_to_image"), ("asr", "asr")])
def test_lines_have_the_form_of_the_references(toy, local, tmp_path, kind, fixture) -> None:
    exported(toy, local, tmp_path, toy.spoken(1, kind))
    ours = json.loads((tmp_path / "out" / f"{kind}-train-00000-of-00001.jsonl").read_text())
    theirs = json.loads((OWN_FIXTURES / "sft_jsonl" / f"{fixture}.jsonl").read_text().splitlines()[0])
    assert skeleton(ours) == skeleton(theirs)


def test_every_line_of_a_file_has_the_same_fields_for_readers_that_infer_them(toy, local, tmp_path) -> None:
    talks = [
        toy.record(1, kind="chat", text=None, media=(), messages=(Message("user", "Hello."), Message("assistant", "Hi."))),
        toy.record(2, kind="chat", text=None, messages=(Message("user", "<|image|> Well?"), Message("assistant", "Well."))),
    ]
    spoken = [toy.spoken(number, measures={} if number % 2 else {"wer": 0.5}) for number in range(3, 9)]
    exported(toy, local, tmp_path, *talks, *spoken)
    for path in (tmp_path / "out").glob("*.jsonl"):
        read = load_dataset("json", data_files=str(path), split="train", chunksize=500, cache_dir=str(tmp_path / "cache"))
        assert read.num_rows == len(path.read_text().splitlines())
        assert set(read.column_names) == set(json.loads(path.read_text().splitlines()[0]))


def test_media_lie_in_folders_of_a_bounded_number_of_files(toy, local, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("omniforge.pipeline.export_jsonl.FILES_PER_FOLDER", 7)
    exported(toy, local, tmp_path, *(toy.spoken(number) for number in range(5)))
    folders = [sorted(path.iterdir()) for path in (tmp_path / "out" / "media" / "svqa-train-00000-of-00001").iterdir()]
    assert sorted(map(len, folders)) == [3, 6, 6]
    assert len(pulled_back(tmp_path / "out")) == 5


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"answer": "The sign says <|image|>."}, "special_tokens_in_text"),
        ({"answer": "Stop.<|im_end|>"}, "special_tokens_in_text"),
        ({"media": ()}, "no_task"),
        ({"answer": None}, "no_task"),
        ({"messages": (Message("user", "<|audio|>"), Message("assistant", "Yes."))}, "tag_count_mismatch"),
    ],
)
def test_what_lines_cannot_hold_is_left_out_with_its_reason(toy, local, tmp_path, changes, reason) -> None:
    written = exported(toy, local, tmp_path, toy.spoken(1), toy.spoken(2, **changes))
    assert (written.records, written.left) == (1, {reason: 1})
    (left,) = (tmp_path / "out" / "left_out").iterdir()
    assert json.loads(left.read_text())["key"] == toy.spoken(2).key
    assert len(pulled_back(tmp_path / "out")) == 1


def test_a_kind_of_several_tasks_is_written_as_the_one_asked_for(toy, local, tmp_path) -> None:
    written = exported(toy, local, tmp_path, toy.record(1), toy.spoken(2), writer=JsonLines(task="caption"), task="caption")
    assert written.files == ("caption-train-00000-of-00001.jsonl",)
    shown = json.loads((tmp_path / "out" / written.files[0]).read_text())
    assert shown["messages"][1]["content"] == toy.record(1).text


DESCRIBED = (Message("user", "<|image|>\nDescribe the image."), Message("assistant", "A red bus."))
DRAWN = (Message("user", "Draw a red bus."), Message("assistant", "<|image|>"))
ASKED = (Message("user", "<|image|>\nWhich bus?"), Message("assistant", "The red one."))


def of_turns(toy, number, kind, turns):
    texts = {"text": None, "question": "Which bus?", "answer": "The red one."} if kind == "vqa" else {"text": "A red bus."}
    return toy.record(number, kind=kind, messages=turns, **texts)


def test_a_record_with_turns_of_its_own_is_in_the_file_of_the_task_they_are(toy, local, tmp_path) -> None:
    turns = {1: ("caption", DESCRIBED), 2: ("caption", DRAWN), 3: ("vqa", ASKED), 4: ("chat", ASKED)}
    records = [of_turns(toy, number, kind, own) for number, (kind, own) in turns.items()]
    exported(toy, local, tmp_path, *records, toy.record(5))
    files = {
        path.name.split("-")[0]: [json.loads(line)["omniforge"] for line in path.read_text().splitlines()]
        for path in (tmp_path / "out").glob("*.jsonl")
    }
    keys = {task: sorted(json.loads(kept)["key"].split("-")[1] for kept in lines) for task, lines in files.items()}
    assert keys == {"caption": ["1"], "t2i": ["2", "5"], "vqa": ["3", "4"]}


@pytest.mark.parametrize("writer", [JsonLines(task="caption"), HuggingFace()])
def test_a_task_is_asked_of_the_turns_of_a_record_that_has_its_own(toy, local, tmp_path, writer) -> None:
    records = [of_turns(toy, 1, "caption", DESCRIBED), of_turns(toy, 2, "caption", DRAWN), toy.record(3)]
    written = exported(toy, local, tmp_path, *records, writer=writer, task="caption")
    assert (written.records, written.left) == (2, {})


PARTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
    st.sampled_from(
        ["<|image|>", "<|audio|>", "<|im_end|>", "<|audio_7|>", "<|image", "\r\n", "\u2028", "\x85", '"', "\\u0041"]
    ),
)
TEXT = st.lists(PARTS, min_size=1, max_size=4).map("".join).filter(str.strip)


@given(question=TEXT, answer=TEXT, split=st.sampled_from(["train", "test"]), wer=st.floats(0, 1))
@settings(max_examples=150, deadline=None)
def test_any_text_comes_back_or_is_refused(toy, question, answer, split, wer) -> None:
    record = toy.spoken(1, question=question, answer=answer, split=split, measures={"wer": wer, "asr_text": answer})
    record = replace(record, media=(toy.picture(1), toy.sound(1, "question"), toy.sound(2, "answer")))
    if control_tokens(question + "\n" + answer):
        with pytest.raises(Refused, match="special_tokens_in_text"):
            conversation(record, "svqa")
        return
    shown = line(record, conversation(record, "svqa"), {media.role: media.role for media in record.media})
    found = parse_line(json.dumps(shown, ensure_ascii=False).encode())
    data = {media.role: media.data for media in record.media}
    item = restore(found.exported, found.messages, lambda listed: RawMedia(listed.role, "", data[listed.role]), "a#1")
    assert isinstance(item, SourceRecord)
    assert what_a_record_is(item) == what_a_record_is(record)
    assert item.measures == record.measures
