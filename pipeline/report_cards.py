"""The report's cards: a sample with its pictures and sounds, and what its codes give back."""

import base64
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb
import numpy as np
import soundfile
import torch
from numpy.typing import NDArray

from omniforge.pipeline.catalog import rows
from omniforge.pipeline.media import read_records
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.tokenization import Tokenizers
from omniforge.schemas.record import MediaFile, Record
from omniforge.tokenizers.pictures import pixels_to_pictures

SHOWN = 400
"""Characters of a text on a card."""

SPOKEN = ("question", "answer", "speech")
"""Roles of the sounds that are measured."""

MEASURED = {
    "voice": "voice {}",
    "engine": "{}",
    "wer": "WER {:.0%}",
    "quality": "quality {:.1f}",
    "words_per_second": "{:.1f} words/s",
    "augmentation": "augmented: {}",
}
"""What is told of a sound, and how."""

MIME = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "flac": "audio/flac"}


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture or sound inside the page, as a data URI; a `wide` picture takes a row of its card."""

    uri: str
    caption: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A line of text of a card: who says it, and what; where it is spoken, the sound, what was measured and what was heard."""

    who: str
    text: str
    sound: str = ""
    facts: str = ""
    heard: str = ""


@dataclass(slots=True)
class Card:
    """What the page shows of one record or sample."""

    key: str
    facts: str
    turns: list[Turn] = field(default_factory=list)
    pictures: list[Medium] = field(default_factory=list)
    sounds: list[Medium] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Group:
    """The cards of one task or kind."""

    title: str
    cards: list[Card]


def groups(
    connection: duckdb.DuckDBPyConnection, datasets: Sequence[Dataset], tokenizers: Tokenizers | None, count: int
) -> list[Group]:
    """Draw `count` records of `shown_records`, or samples, of each task, the same ones for the same version."""
    stores = {dataset.manifest.content.name: dataset for dataset in datasets}
    table, column = ("samples", "task") if tokenizers else ("shown_records", "kind")
    names = [name for (name,) in connection.execute(f"select distinct {column} from {table} order by 1").fetchall()]
    made = []
    for name in names:
        drawn = list(rows(connection, f"select * from {table} where {column} = ? order by md5(key), key limit {count}", [name]))
        cards = [
            _sample_card(connection, row, stores, tokenizers) if tokenizers else _record_card(row, stores) for row in drawn
        ]
        made.append(Group(f"{column}: {name}", cards))
    return made


def _record_card(row: dict[str, Any], stores: dict[str, Dataset]) -> Card:
    (record,) = read_records(stores[row["dataset"]].store, [row])
    shown = {"corpus": record.corpus, "split": record.split, "licence": record.license}
    card = Card(record.key, " · ".join(f"{name} {value}" for name, value in shown.items() if value))
    spoken = {file.role: file for file in record.media if file.format == "flac"}
    for name, sound in (("text", "speech"), ("question", "question"), ("answer", "answer")):
        text, file = getattr(record, name), spoken.get(sound)
        if text and not (file and not record.messages):
            card.turns.append(Turn(name, text[:SHOWN]))
    card.turns += [Turn(message.role, message.content[:SHOWN]) for message in record.messages]
    card.turns += [_said(record, file) for file in spoken.values()]
    for file in record.media:
        if file.format != "flac":
            card.pictures.append(Medium(_uri(file), f"{file.role}, original"))
    return card


def _said(record: Record, file: MediaFile) -> Turn:
    """A sound of a record, with its text where that stands nowhere else on the card."""
    facts = [f"{file.seconds or 0:.1f} s"]
    for name, told in MEASURED.items():
        if (value := _measure(record, file.role, name)) is not None:
            facts.append(told.format(value))
    text = {"question": record.question, "answer": record.answer, "speech": record.text}.get(file.role)
    heard = str(_measure(record, file.role, "asr_text") or "")
    said = "" if record.messages else (text or "")[:SHOWN]
    return Turn(file.role, said, _uri(file), " · ".join(facts), heard[:SHOWN])


def _measure(record: Record, role: str, name: str) -> float | str | None:
    """A measure of one sound; the pace that a pull measures is that of the first sound whose words are known."""
    if role == "answer" and (name != "words_per_second" or record.question):
        return record.measures.get(f"answer_{name}")
    if role not in SPOKEN or (role == "question" and name == "words_per_second" and not record.question):
        return None
    return record.measures.get(name)


def _sample_card(
    connection: duckdb.DuckDBPyConnection, sample: dict[str, Any], stores: dict[str, Dataset], tokenizers: Tokenizers
) -> Card:
    record = next(rows(connection, "select * from records where key = ?", [sample["record"]]))
    card = _record_card(record, stores)
    card.key = sample["key"]
    card.facts = f"{sample['length']} tokens, {sample['loss_tokens']} learnt · {card.facts}"
    payload = _members(stores[sample["dataset"]], sample)
    ids = np.load(io.BytesIO(payload["ids"]), allow_pickle=False)
    for span in json.loads(payload["json"])["spans"]:
        part = ids[span["start"] : span["stop"]]
        if span["modality"] == "image":
            card.pictures.append(Medium(_decoded_picture(part, tokenizers), f"{len(part)} codes, decoded"))
        elif span["modality"] == "speech" and not span["continuous"]:
            card.sounds.append(Medium(_decoded_sound(part, tokenizers), f"{len(part)} codes of the {span['role']}, decoded"))
    return card


def _members(dataset: Dataset, row: dict[str, Any]) -> dict[str, bytes]:
    return {m["role"]: dataset.store.read(row["shard"], m["offset"], m["size"]) for m in row["members"]}


def _decoded_picture(ids: NDArray[np.uint32], tokenizers: Tokenizers) -> str:
    codes = torch.from_numpy(tokenizers.vocabulary.image_codes(ids).astype(np.int64))[None]
    side = int(codes.shape[1] ** 0.5)
    picture = pixels_to_pictures(tokenizers.image.decode(codes, (side, side)))[0]
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG")
    return _data("image/png", buffer.getvalue())


def _decoded_sound(ids: NDArray[np.uint32], tokenizers: Tokenizers) -> str:
    codes = tokenizers.vocabulary.speech_codes(ids).astype(np.int64)
    wave = tokenizers.speech.decode([codes])[0]
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(wave, -1, 1), tokenizers.speech.output_rate, format="FLAC", subtype="PCM_16")
    return _data("audio/flac", buffer.getvalue())


def _uri(file: MediaFile) -> str:
    return _data(MIME[file.format], file.data)


def _data(mime: str, data: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(data).decode()}"
