"""A token dataset with a record of every task and its media behind it, and a random checkpoint of the same tokenizers."""

import io
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import soundfile
from tiny_checkpoint import GENERATION, UNDERSTANDING, picture, save_checkpoint, save_tokenizers, speech

from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.plan import make_unit
from omniforge.pipeline.reference import Dataset, find_version
from omniforge.pipeline.samples import TokenSample, commit_samples
from omniforge.pipeline.storage import open_store
from omniforge.pipeline.tokenization import TokenizeConfig, Tokenizers, decode, encode
from omniforge.schemas.record import Kind, MediaFile, Record, record_key
from omniforge.tokenizers.chat import Sample


def photo(role: str, seed: int) -> MediaFile:
    buffer = io.BytesIO()
    picture(seed, GENERATION, GENERATION).save(buffer, "PNG")
    return MediaFile(role=role, format="png", data=buffer.getvalue(), width=GENERATION, height=GENERATION)


def sound(role: str, pitch: float) -> MediaFile:
    buffer = io.BytesIO()
    soundfile.write(buffer, speech(0.6, pitch), 16_000, format="FLAC", subtype="PCM_16")
    return MediaFile(role=role, format="flac", data=buffer.getvalue(), sample_rate=16_000, seconds=0.6, channels=1)


def record(kind: Kind, number: int, split: str = "test") -> Record:
    fields: dict[Kind, dict[str, Any]] = {
        "caption": {"text": f"a red cube {number}", "media": (photo("image", number),)},
        "vqa": {"question": "which place?", "answer": "on the a", "media": (photo("image", number),)},
        "asr": {"text": "a blue disc", "media": (sound("speech", 200 + number),)},
        "svqa": {
            "question": "where?",
            "answer": "on the b",
            "media": (photo("image", number), sound("question", 200 + number), sound("answer", 300 + number)),
        },
        "s2i": {"text": "a blue cube", "media": (photo("image", number), sound("speech", 250 + number))},
    }
    uri = f"made/{split}/{kind}#{number}"
    return Record(key=record_key("made", uri), corpus="made", source_uri=uri, kind=kind, split=split, **fields[kind])


RECORDS = [
    *(record(kind, number) for kind in ("caption", "vqa", "asr", "svqa", "s2i") for number in range(2)),
    record("caption", 9, split="train"),
]


@dataclass(frozen=True)
class Made:
    """A checkpoint, a token dataset of the same tokenizers, and its samples by key."""

    checkpoint: Path
    dataset: Dataset
    samples: dict[str, Sample]


def make_records(folder: Path) -> Made:
    sources = save_tokenizers(folder / "tokenizers")
    config = TokenizeConfig(**sources, understanding=UNDERSTANDING, generation=GENERATION)
    tokenizers = Tokenizers.load(config)
    store = open_store(str(folder / "root"))

    def unit(stage: Any) -> Any:
        return make_unit(
            stage=stage,
            corpus="made",
            container="made",
            start=0,
            stop=len(RECORDS),
            identity="made",
            fingerprints={"made": "1"},
        )

    common: dict[str, Any] = {"code_version": "0", "models": {}}
    records = commit_records(store, unit("pull"), RECORDS)
    media = publish(store, layer="media", name="made-media", entries={records.unit: records}, config={}, inputs=(), **common)
    encoded = encode(decode(RECORDS, config), tokenizers, config)
    samples = commit_samples(store, unit("tokenize"), encoded)
    vocabulary = tokenizers.vocabulary
    publish(
        store,
        layer="tokens",
        name="made",
        entries={samples.unit: samples},
        config={"tokenize": asdict(config)},
        inputs=(f"made-media@sha256:{media.content_sha256}",),
        vocabulary={**asdict(vocabulary.layout), "fingerprint": vocabulary.fingerprint, "size": vocabulary.size},
        **{**common, "models": tokenizers.fingerprints()},
    )
    return Made(
        checkpoint=save_checkpoint(folder / "checkpoint", sources),
        dataset=find_version(store, "made", "latest"),
        samples={one.key: one.sample for one in encoded if isinstance(one, TokenSample)},
    )
