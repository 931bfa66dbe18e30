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
from omniforge.pipeline.media import read_media
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.tokenization import Tokenizers
from omniforge.schemas.record import MediaFile
from omniforge.tokenizers.pictures import pixels_to_pictures

MIME = {"jpg": "image/jpeg", "png": "image/png", "webp": "image/webp", "flac": "audio/flac"}


@dataclass(frozen=True, slots=True)
class Medium:
    """A picture or sound inside the page, as a data URI; a `wide` picture takes a row of its card."""

    uri: str
    caption: str
    wide: bool = False


@dataclass(frozen=True, slots=True)
class Turn:
    """A line of text of a card: who says it, and what."""

    who: str
    text: str


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
    """Draw `count` records or samples of each task, the same ones for the same version."""
    stores = {dataset.manifest.content.name: dataset for dataset in datasets}
    table, column = ("samples", "task") if tokenizers else ("records", "kind")
    names = [name for (name,) in connection.execute(f"select distinct {column} from {table} order by 1").fetchall()]
    made = []
    for name in names:
        drawn = list(rows(connection, f"select * from {table} where {column} = ? order by md5(key), key limit {count}", [name]))
        cards = [
            _sample_card(connection, row, stores, tokenizers) if tokenizers else _record_card(row, stores) for row in drawn
        ]
        made.append(Group(f"{column}: {name}", cards))
    return made


def _record_card(record: dict[str, Any], stores: dict[str, Dataset]) -> Card:
    shown = ("corpus", "voice", "answer_voice", "wer", "answer_wer", "license")
    card = Card(record["key"], " · ".join(f"{name} {record[name]}" for name in shown if record[name] not in (None, "")))
    for name in ("text", "question", "answer", "asr_text"):
        if record[name]:
            card.turns.append(Turn(name, record[name][:400]))
    for message in json.loads(record["messages"] or "[]"):
        card.turns.append(Turn(message["role"], message["content"][:400]))
    for file in read_media(stores[record["dataset"]].store, record):
        (card.sounds if file.format == "flac" else card.pictures).append(Medium(_uri(file), f"{file.role}, original"))
    return card


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
