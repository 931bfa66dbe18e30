"""Small token datasets with generated ids, published as a build would."""

from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.plan import make_unit
from omniforge.pipeline.reference import Dataset, find_version
from omniforge.pipeline.samples import TokenSample, commit_samples
from omniforge.pipeline.storage import Store, open_store
from omniforge.schemas.ledger import LedgerEntry
from omniforge.schemas.record import Record, record_key
from omniforge.tokenizers.chat import Sample, Span
from omniforge.tokenizers.vocabulary import Vocabulary, VocabularyLayout

VOCABULARY = Vocabulary(VocabularyLayout(text_size=64, speech_codes=32, image_codes=32))
DRAWS_PICTURES, SPEAKS, HEARS = ("t2i", "s2i"), ("tts",), ("asr", "svqa", "s2i")


def make_sample(task: str, number: int, split: str = "train", longest: int = 40) -> TokenSample:
    """A sample whose answer repeats its prompt in another modality, so that there is something to learn."""
    random = np.random.default_rng([number, len(task), split == "train"])
    prompt = random.integers(0, 16, random.integers(4, longest // 2))
    asked = VOCABULARY.speech.start + prompt if task in HEARS else prompt
    said = _first_id(task) + prompt
    ids = np.concatenate(([VOCABULARY.im_start], asked, [VOCABULARY.im_end], said, [VOCABULARY.im_end])).astype(np.uint32)
    middle, end = len(prompt) + 2, len(ids)
    spans = (
        Span("speech" if task in HEARS else "text", "user", 1, middle - 1, 0 if task in HEARS else None),
        Span(_modality(task), "assistant", middle, end - 1, 0 if task in SPEAKS else None),
    )
    uri = f"made/{split}#{number}"
    record = Record(key=record_key("made", uri), corpus="made", source_uri=uri, kind="chat", split=split)
    return TokenSample(
        task=task,
        record=record,
        sample=Sample(ids=ids, spans=spans, loss_spans=((middle, end),)),
        seconds=0.0,
        vocabulary=VOCABULARY.fingerprint,
    )


def grounded(sample: TokenSample) -> TokenSample:
    """Say that every code of a sample's prompt shows, and means a layer later, the text id that its answer has for it."""
    (asked, said) = sample.sample.spans
    answer = sample.sample.ids[said.start : said.stop]
    told = tuple((asked.start + place, int(word)) for place, word in enumerate(answer))
    return replace(sample, grounding=told, mentions=told)


def _first_id(task: str) -> int:
    return {"image": VOCABULARY.image.start, "speech": VOCABULARY.speech.start, "text": 16}[_modality(task)]


def _modality(task: str) -> Literal["image", "speech", "text"]:
    return "image" if task in DRAWS_PICTURES else "speech" if task in SPEAKS else "text"


def commit_unit(store: Store, name: str, samples: list[TokenSample]) -> LedgerEntry:
    unit = make_unit(
        stage="tokenize", corpus="made", container=name, start=0, stop=len(samples), identity=name, fingerprints={"made": "1"}
    )
    return commit_samples(store, unit, samples)


def publish_samples(
    root: Path | str,
    units: Mapping[str, list[TokenSample]],
    name: str = "made",
    config: Mapping[str, Any] = MappingProxyType({}),
    *,
    models: Mapping[str, str] = MappingProxyType({}),
    with_records: bool = False,
) -> Dataset:
    """Publish samples; `with_records` has the records they were made from below them, as a build has."""
    store = open_store(str(root))
    inputs = (_publish_records(store, units),) if with_records else ()
    entries = {entry.unit: entry for entry in (commit_unit(store, unit, samples) for unit, samples in units.items())}
    publish(
        store,
        layer="tokens",
        name=name,
        entries=entries,
        code_version="0",
        config=dict(config),
        models=dict(models),
        inputs=inputs,
        vocabulary={**asdict(VOCABULARY.layout), "fingerprint": VOCABULARY.fingerprint, "size": VOCABULARY.size},
    )
    return find_version(store, name, "latest")


def _publish_records(store: Store, units: Mapping[str, list[TokenSample]]) -> str:
    records = list({one.record.key: one.record for samples in units.values() for one in samples}.values())
    unit = make_unit(
        stage="pull", corpus="made", container="made", start=0, stop=len(records), identity="made", fingerprints={"made": "1"}
    )
    entry = commit_records(store, unit, records)
    common: dict[str, Any] = {"code_version": "0", "models": {}, "config": {}, "inputs": ()}
    media = publish(store, layer="media", name="made-media", entries={entry.unit: entry}, **common)
    return f"made-media@sha256:{media.content_sha256}"


def made_dataset(
    root: Path | str,
    counts: Mapping[str, int],
    *,
    held_out: int = 0,
    per_unit: int = 16,
    config: Mapping[str, Any] = MappingProxyType({}),
) -> Dataset:
    """A dataset with so many training samples of each task, interleaved as a build interleaves them, in several shards."""
    train = [make_sample(task, number) for number in range(max(counts.values())) for task in counts if number < counts[task]]
    test = [make_sample(task, number, "test") for number in range(held_out) for task in counts]
    units = {f"train-{start}": train[start : start + per_unit] for start in range(0, len(train), per_unit)}
    return publish_samples(root, units | ({"test": test} if test else {}), config=config)
