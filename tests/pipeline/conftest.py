"""Records with real pictures and sound, and small datasets made of them by the code under test."""

import io
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from PIL import Image

from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.plan import Unit, make_unit
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.samples import TokenSample, commit_samples
from omniforge.pipeline.storage import Store, open_store
from omniforge.schemas.record import MediaFile, Record, Refusal, record_key
from omniforge.tokenizers.chat import Sample, Span

RATE = 16_000


def picture(number: int, role: str = "image") -> MediaFile:
    buffer = io.BytesIO()
    Image.new("RGB", (24, 16), (number * 7 % 256, number * 31 % 256, 99)).save(buffer, "PNG")
    return MediaFile(role=role, format="png", data=buffer.getvalue(), width=24, height=16)


def sound(number: int, role: str = "speech") -> MediaFile:
    buffer = io.BytesIO()
    wave = np.sin(np.arange(RATE // 10, dtype=np.float32) * (0.01 + number % 50 / 500)) / 2
    soundfile.write(buffer, wave, RATE, format="FLAC", subtype="PCM_16")
    return MediaFile(role=role, format="flac", data=buffer.getvalue(), sample_rate=RATE, seconds=0.1, channels=1)


def sight(number: int, role: str = "image") -> MediaFile:
    """A picture that shows something, so that the checks of a pull let it through."""
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(number).integers(0, 256, (40, 48, 3), np.uint8)).save(buffer, "PNG")
    return MediaFile(role=role, format="png", data=buffer.getvalue(), width=48, height=40)


def speech(number: int, role: str = "speech") -> MediaFile:
    """Two seconds as uneven as speech, so that the checks of a pull let them through."""
    buffer = io.BytesIO()
    noise = np.random.default_rng(number).normal(0, 0.1, RATE * 2) * np.abs(np.sin(np.arange(RATE * 2) / 2000))
    soundfile.write(buffer, noise.astype(np.float32), RATE, format="FLAC", subtype="PCM_16")
    return MediaFile(role=role, format="flac", data=buffer.getvalue(), sample_rate=RATE, seconds=2.0, channels=1)


def spoken(number: int, kind: str = "svqa", **changes: Any) -> Record:
    """A record as synthesis makes it: svqa, s2i, or asr."""
    uri = f"toy/file.jsonl#{number}"
    texts: dict[str, Any] = {"question": f"What is in picture number {number} here?", "answer": "A small red bus — “červený”."}
    media: tuple[MediaFile, ...] = (sight(number), speech(number, "question"), speech(number + 1, "answer"))
    measures: dict[str, float | str] = {"voice": "heart-p078-r097", "engine": "hibari", "wer": 0.125, "asr_text": "What is in?"}
    if kind != "svqa":
        texts = {"text": f"A small boat number {number} on a green lake."}
        media = (sight(number), speech(number)) if kind == "s2i" else (speech(number),)
    else:
        measures |= {"answer_voice": "heart-p120-r097", "answer_wer": 0.0, "answer_silence": 0.25}
    values: dict[str, Any] = {
        "key": record_key("toy", uri, kind),
        "kind": kind,
        "text": None,
        "media": media,
        "language": "en",
        "speaker": "heart-p078-r097",
        "split": "train",
        "revision": "r1",
        "parents": (record_key("toy", uri),),
        "repairs": ("spoken_form",),
        "measures": {**measures, "verified": 1.0, "peak_db": -3.5, "words_per_second": 3.0},
    }
    return record(number, **(values | texts | changes))


def record(number: int, **changes: Any) -> Record:
    uri = f"toy/file.jsonl#{number}"
    values: dict[str, Any] = {
        "key": record_key("toy", uri),
        "corpus": "toy",
        "source_uri": uri,
        "kind": "caption",
        "text": f"picture {number} — čaj 茶",
        "language": "en",
        "license": "CC-BY-4.0",
        "media": (picture(number),),
    }
    return Record(**(values | changes))


def refusal(number: int, **changes: Any) -> Refusal:
    uri = f"toy/file.jsonl#{number}"
    values: dict[str, Any] = {"source_uri": uri, "key": record_key("toy", uri), "reason": "too_short", "detail": "2 of 3 words"}
    return Refusal(**(values | changes))


def unit(number: int = 0, **changes: Any) -> Unit:
    values: dict[str, Any] = {
        "stage": "pull",
        "corpus": "toy",
        "container": f"toy/{number}.jsonl",
        "start": 0,
        "stop": 4,
        "identity": str(number),
        "fingerprints": {"check": "1"},
    }
    return make_unit(**(values | changes))


def token_sample(of: Record, task: str = "caption", *, ids: list[int] | None = None, **spans: Any) -> TokenSample:
    """Three text ids, four of a picture, three of the answer, which training supervises."""
    tokens = list(range(10)) if ids is None else ids
    sample = Sample(
        ids=np.array(tokens, np.uint32),
        spans=spans.get(
            "spans", (Span("text", "user", 0, 3), Span("image", "user", 3, 7, 0), Span("text", "assistant", 7, 10))
        ),
        loss_spans=spans.get("loss_spans", ((7, 10),)),
    )
    return TokenSample(task=task, record=of, sample=sample, seconds=0.0, vocabulary="sha256:toy")


def publish_media(store: Store, numbers: range, *, name: str = "toy-media", **changes: Any) -> Dataset:
    """A version whose units hold a record kept and one refused for each number."""
    entries = {}
    for number in numbers:
        work = unit(number)
        entries[work.id] = commit_records(store, work, [record(number * 100), refusal(number * 100 + 1)])
    values: dict[str, Any] = {"code_version": "1", "config": {}, "models": {}, "inputs": ()}
    return Dataset(store, publish(store, layer="media", name=name, entries=entries, **(values | changes)))


def publish_records(store: Store, *units: list[Record], name: str = "toy-sdvi") -> Dataset:
    """A version of given records, a shard for each list."""
    entries = {}
    for number, records in enumerate(units):
        work = unit(number, stage="synth")
        entries[work.id] = commit_records(store, work, records)
    manifest = publish(store, layer="media", name=name, entries=entries, code_version="1", config={}, models={}, inputs=())
    return Dataset(store, manifest)


def publish_tokens(store: Store, media: Dataset, numbers: range, *, vocabulary: int = 16, name: str = "toy") -> Dataset:
    """A caption sample kept and one of another task refused for each number."""
    entries = {}
    for number in numbers:
        work = unit(number, stage="tokenize")
        refused = refusal(number * 100, reason="over_length", task="t2i")
        entries[work.id] = commit_samples(store, work, [token_sample(record(number * 100)), refused])
    content = media.manifest.content
    manifest = publish(
        store,
        layer="tokens",
        name=name,
        entries=entries,
        code_version="1",
        config={},
        models={},
        inputs=(f"{content.name}@sha256:{media.manifest.content_sha256}",),
        vocabulary={"size": vocabulary},
    )
    return Dataset(store, manifest)


class Toy:
    """The builders of this file, for tests, which cannot import it."""

    picture = staticmethod(picture)
    sound = staticmethod(sound)
    record = staticmethod(record)
    refusal = staticmethod(refusal)
    unit = staticmethod(unit)
    token_sample = staticmethod(token_sample)
    spoken = staticmethod(spoken)
    publish_media = staticmethod(publish_media)
    publish_records = staticmethod(publish_records)
    publish_tokens = staticmethod(publish_tokens)


@pytest.fixture(scope="session")
def toy() -> type[Toy]:
    return Toy


@pytest.fixture
def local(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "root"))


@pytest.fixture
def store_on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], Store]:
    """Open an empty root on `local`, `moto` or `localbucket`."""

    def opened(name: str) -> Store:
        if name == "local":
            return open_store(str(tmp_path / "root"))
        import boto3

        server = request.getfixturevalue(f"{name}_server")
        for variable, value in server.environment().items():
            monkeypatch.setenv(variable, value)
        bucket = f"bucket-{uuid.uuid4().hex[:12]}"
        boto3.client("s3").create_bucket(Bucket=bucket)
        return open_store(f"s3://{bucket}/some/root")

    return opened
