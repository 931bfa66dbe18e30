"""Tokenize: media records to task samples; pictures and sounds decoded in tasks, encoded in actors, once each in a unit."""

import io
import pickle
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal

import numpy as np
import soundfile
from numpy.typing import NDArray
from PIL import Image

from omniforge.pipeline.engine import Operator, Row, Step
from omniforge.pipeline.grounding import SHOWN, ShownCodes, ground
from omniforge.pipeline.media import read_record
from omniforge.pipeline.plan import Unit, make_unit
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.regions import read_mentions, read_regions, shown_codes
from omniforge.pipeline.samples import TokenSample, commit_samples
from omniforge.pipeline.storage import Store
from omniforge.pipeline.tasks import TASKS_OF_KIND, Placed, SamplePlan, plan_samples
from omniforge.pipeline.units import media_units, unit_rows
from omniforge.schemas.record import Kind, MediaFile, Mention, Record, Refusal
from omniforge.tokenizers import registry
from omniforge.tokenizers.chat import SpeechCodes, SpeechFeatures, lay_out
from omniforge.tokenizers.pictures import resize_and_crop
from omniforge.tokenizers.sensevoice.features import Cmvn, features, frames, read_cmvn
from omniforge.tokenizers.text import TextTokenizer
from omniforge.tokenizers.vocabulary import Vocabulary, VocabularyLayout

SPEECH_RATE = 16_000
QUERY_POSITIONS = 4
"""Vectors that SenseVoice puts before the frames (SPEC.md section 7)."""

SAMPLES_VERSION = "2"
"""Raise it when the same record and tokenizers would give other samples."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizeConfig:
    """Tokenizers by source (`embedded`, a path or a name), resolutions in pixels, and how the work is cut.

    `heard` says how a user's speech enters: `discrete` codes or `continuous` SenseVoice features (DESIGN section 4), for which
    `cmvn` names the published `am.mvn`. `tasks` names, for kinds of records that shall not give samples of all their tasks, of
    which they shall: `{asr: [asr]}` lets speech be written down and not be said.
    """

    image: str = "embedded"
    speech: str = "embedded"
    text: str = "embedded"
    understanding: int = 128
    generation: int = 128
    heard: Literal["discrete", "continuous"] = "discrete"
    cmvn: str | None = None
    max_length: int = 3072
    tasks: Mapping[Kind, tuple[str, ...]] = field(default_factory=dict)
    records_per_unit: int = 256
    batch: int = 16
    actors: int = 1
    actor_cpus: float = 1.0
    actor_gpus: float = 0.0

    def __post_init__(self) -> None:
        for name in ("understanding", "generation"):
            if getattr(self, name) % 16 or getattr(self, name) <= 0:
                raise ValueError(f"tokenize.{name} is {getattr(self, name)}; it has to be a multiple of 16 pixels")
        if self.heard == "continuous" and self.cmvn is None:
            raise ValueError("tokenize.heard is continuous; give the path of SenseVoice's am.mvn as tokenize.cmvn")
        for kind, chosen in self.tasks.items():
            if not chosen or not set(chosen) <= set(TASKS_OF_KIND.get(kind, ())):
                known = "; ".join(f"{one}: {', '.join(tasks)}" for one, tasks in TASKS_OF_KIND.items())
                raise ValueError(f"tokenize.tasks: {kind} is given {list(chosen)}; choose one or more of its own ({known})")

    @property
    def tasks_of_kind(self) -> dict[Kind, tuple[str, ...]]:
        """The tasks of each kind of record, those chosen where some are."""
        return {**TASKS_OF_KIND, **self.tasks}


@dataclass(frozen=True, slots=True)
class Tokenizers:
    """The loaded tokenizers of a token dataset and the vocabulary they make together."""

    image: registry.ImageTokenizer
    speech: registry.SpeechTokenizer
    text: TextTokenizer
    vocabulary: Vocabulary
    cmvn: Cmvn | None = None

    @staticmethod
    def load(config: TokenizeConfig) -> "Tokenizers":
        """Load what the config names; a missing one is an error that says which."""
        image = registry.load("magvit2", source=config.image)
        speech = registry.load("glm4voice", source=config.speech)
        text = registry.load("text", source=config.text)
        layout = VocabularyLayout(text_size=text.size, speech_codes=speech.codebook_size, image_codes=image.codebook_size)
        cmvn = read_cmvn(config.cmvn) if config.cmvn else None
        return Tokenizers(image, speech, text, Vocabulary(layout), cmvn)

    def fingerprints(self) -> dict[str, str]:
        """Fingerprint of each tokenizer and of the vocabulary."""
        return {
            "magvit2": self.image.fingerprint,
            "glm4voice": self.speech.fingerprint,
            "text": self.text.fingerprint,
            "vocabulary": self.vocabulary.fingerprint,
        }


def plan_tokenize(dataset: Dataset, config: TokenizeConfig, fingerprints: Mapping[str, str]) -> Iterator[Unit]:
    """Plan units over the shards of a media dataset; they depend on the shard and on the tokenizers, not on the version.

    Chosen tasks touch only units that have records of their kinds.
    """
    touching = {
        **fingerprints,
        "samples": SAMPLES_VERSION,
        "layout": f"{config.understanding}/{config.generation}/{config.heard}/{config.max_length}",
    }
    for row in media_units(dataset):
        for start in range(0, row["kept"], config.records_per_unit):
            named = partial(
                make_unit,
                stage="tokenize",
                corpus=row["corpus"],
                container=row["shard"],
                start=start,
                stop=min(start + config.records_per_unit, row["kept"]),
                identity=f"{row['shard_sha256']}/{row['index_sha256']}",
                index=row["index"],
            )
            unit = named(fingerprints=touching)
            chosen = _chosen_tasks(dataset.store, unit, config) if config.tasks else ""
            yield named(fingerprints={**touching, "tasks": chosen}) if chosen else unit


def _chosen_tasks(store: Store, unit: Unit, config: TokenizeConfig) -> str:
    """Name the tasks chosen for kinds that a unit has records of; empty where there are none."""
    kinds = {row["kind"] for row in unit_rows(store, unit)}
    return "; ".join(f"{kind}: {', '.join(tasks)}" for kind, tasks in sorted(config.tasks.items()) if kind in kinds)


def tokenize_operators(source: Store, target: Store, config: TokenizeConfig) -> list[Operator]:
    """The graph of a tokenize run: read and decode in tasks, encode in actors, write and commit in tasks."""

    def build_prepare() -> Step:
        def prepare(row: Row) -> Row:
            unit = Unit.from_json(row["unit"])
            records = [read_record(source, item) for item in unit_rows(source, unit)]
            return {"unit": row["unit"], "payload": pickle.dumps(decode(records, config))}

        return prepare

    def build_encode() -> Step:
        import torch

        # One thread, whatever the machine: codes near a rounding border could differ with another number of threads.
        torch.set_num_threads(1)
        tokenizers = Tokenizers.load(config)

        def step(row: Row) -> Row:
            outcomes = encode(pickle.loads(row["payload"]), tokenizers, config)
            return {"unit": row["unit"], "payload": pickle.dumps(outcomes)}

        return step

    def build_commit() -> Step:
        def step(row: Row) -> Row:
            entry = commit_samples(target, Unit.from_json(row["unit"]), pickle.loads(row["payload"]))
            return {"unit": row["unit"], "payload": entry.counts.model_dump_json().encode()}

        return step

    return [
        Operator(name="read and decode", build=build_prepare),
        Operator(name="encode", build=build_encode, actors=config.actors, cpus=config.actor_cpus, gpus=config.actor_gpus),
        Operator(name="commit", build=build_commit),
    ]


PictureKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Decoded:
    """A unit ready for the tokenizers: records without media, their samples, each distinct picture and sound once.

    Pictures are uint8 [R, R, 3] by (sha256, resolution); sounds are float32 [n] at 16 kHz by sha256. `shown` has, for each
    record that says what lies where in its picture, the codes that show it.
    """

    records: tuple[Record, ...]
    plans: tuple[tuple[SamplePlan, ...], ...]
    digests: tuple[dict[str, str], ...]
    pictures: dict[PictureKey, NDArray[np.uint8]]
    sounds: dict[str, NDArray[np.float32]]
    shown: tuple[ShownCodes, ...]


def decode(records: Sequence[Record], config: TokenizeConfig) -> Decoded:
    """Plan the samples of some records and decode what they need, no picture or sound twice."""
    pictures: dict[PictureKey, NDArray[np.uint8]] = {}
    sounds: dict[str, NDArray[np.float32]] = {}
    all_plans, digests = [], []
    for record in records:
        plans = plan_samples(record, tasks=config.tasks_of_kind)
        files = {file.role: file for file in record.media}
        shas = {role: file.sha256 for role, file in files.items()}
        for plan in plans:
            for placed in plan.pictures:
                key = (shas[placed.media], _resolution(placed, config))
                if key not in pictures:
                    pictures[key] = _pixels(files[placed.media], key[1])
            for placed in plan.sounds:
                if shas[placed.media] not in sounds:
                    sounds[shas[placed.media]] = _samples(files[placed.media])
        all_plans.append(plans)
        digests.append(shas)
    bare = tuple(_without_media(record) for record in records)
    shown = tuple(_shown(record, config) for record in records)
    return Decoded(bare, tuple(all_plans), tuple(digests), pictures, sounds, shown)


def _shown(record: Record, config: TokenizeConfig) -> ShownCodes:
    """Say which codes of a record's picture show what, where a user shows it and where it has to be drawn."""
    regions = record.measures.get("regions")
    picture = next((file for file in record.media if file.role == SHOWN), None)
    if not isinstance(regions, str) or picture is None or picture.width is None or picture.height is None:
        return {}
    sides = {"user": config.understanding, "assistant": config.generation}
    return {turn: shown_codes(read_regions(regions), picture.width, picture.height, side) for turn, side in sides.items()}


def _mentions(record: Record) -> tuple[Mention, ...]:
    mentions = record.measures.get("mentions")
    return read_mentions(mentions) if isinstance(mentions, str) else ()


def _resolution(placed: Placed, config: TokenizeConfig) -> int:
    return config.understanding if placed.turn == "user" else config.generation


def _without_media(record: Record) -> Record:
    return replace(record, media=())


def _pixels(file: MediaFile, resolution: int) -> NDArray[np.uint8]:
    with Image.open(io.BytesIO(file.data)) as picture:
        return np.asarray(resize_and_crop(picture, resolution), dtype=np.uint8)


def _samples(file: MediaFile) -> NDArray[np.float32]:
    samples, rate = soundfile.read(io.BytesIO(file.data), dtype="float32")
    if rate != SPEECH_RATE or samples.ndim != 1:
        raise ValueError(f"{file.role}: {rate} Hz, {samples.ndim} dimensions; media shards hold mono sound at {SPEECH_RATE} Hz")
    return np.asarray(samples, dtype=np.float32)


def encode(unit: Decoded, tokenizers: Tokenizers, config: TokenizeConfig) -> list[TokenSample | Refusal]:
    """Encode a unit's pictures and sounds in batches formed inside it, and lay its samples out."""
    pictures = encode_pictures(unit.pictures, tokenizers.image, config.batch)
    needed = {
        shas[placed.media]
        for plans, shas in zip(unit.plans, unit.digests, strict=True)
        for plan in plans
        for placed in plan.sounds
        if not _continuous(placed, config)
    }
    codes = encode_sounds({sha: unit.sounds[sha] for sha in sorted(needed)}, tokenizers.speech, config.batch)
    outcomes: list[TokenSample | Refusal] = []
    for record, plans, shas, shown in zip(unit.records, unit.plans, unit.digests, unit.shown, strict=True):
        if not plans:
            outcomes.append(_refused(record, "no_task", f"a {record.kind} record with these media gives no sample"))
        for plan in plans:
            images = [pictures[shas[p.media], _resolution(p, config)] for p in plan.pictures]
            sounds = [(placed, shas[placed.media]) for placed in plan.sounds]
            waves = [unit.sounds[sha] for _, sha in sounds]
            heard = [_continuous(placed, config) for placed, _ in sounds]
            speeches = [
                SpeechFeatures(frames(len(wave)) + QUERY_POSITIONS) if continuous else SpeechCodes(codes[sha])
                for (_, sha), wave, continuous in zip(sounds, waves, heard, strict=True)
            ]
            sample = lay_out(plan.messages, images, speeches, tokenizers.text, tokenizers.vocabulary)
            if len(sample.ids) > config.max_length:
                detail = f"{len(sample.ids)} tokens, at most {config.max_length}"
                outcomes.append(_refused(record, "over_length", detail, plan.task))
                continue
            named = ground(sample, plan, shown, _mentions(record), tokenizers.text)
            outcomes.append(
                TokenSample(
                    task=plan.task,
                    record=record,
                    sample=sample,
                    seconds=sum(len(wave) for wave in waves) / SPEECH_RATE,
                    vocabulary=tokenizers.vocabulary.fingerprint,
                    features=tuple(
                        _features(wave, tokenizers.cmvn) for wave, listened in zip(waves, heard, strict=True) if listened
                    ),
                    grounding=named.shown,
                    mentions=named.meant,
                )
            )
    return outcomes


def _features(wave: NDArray[np.float32], cmvn: Cmvn | None) -> NDArray[np.float32]:
    import torch

    assert cmvn is not None, "TokenizeConfig asks for it with continuous speech"
    return np.asarray(features(torch.from_numpy(wave), cmvn).numpy(), dtype=np.float32)


def _continuous(placed: Placed, config: TokenizeConfig) -> bool:
    return config.heard == "continuous" and placed.turn != "assistant"


def _refused(record: Record, reason: str, detail: str, task: str = "") -> Refusal:
    return Refusal(source_uri=record.source_uri, key=record.key, reason=reason, detail=detail, task=task)


def encode_pictures(
    pictures: Mapping[PictureKey, NDArray[np.uint8]], tokenizer: registry.ImageTokenizer, batch: int
) -> dict[PictureKey, NDArray[np.int64]]:
    """Encode pictures, batched by resolution in a fixed order; codes in raster order."""
    import torch

    codes: dict[PictureKey, NDArray[np.int64]] = {}
    keys = sorted(pictures, key=lambda key: (key[1], key[0]))
    for resolution in sorted({key[1] for key in keys}):
        same = [key for key in keys if key[1] == resolution]
        for start in range(0, len(same), batch):
            part = same[start : start + batch]
            levels = torch.from_numpy(np.stack([pictures[key] for key in part])).permute(0, 3, 1, 2)
            encoded = tokenizer.encode((levels.float() / 255 - 0.5) / 0.5)
            codes.update({key: row.cpu().numpy() for key, row in zip(part, encoded, strict=True)})
    return codes


def encode_sounds(
    sounds: Mapping[str, NDArray[np.float32]], tokenizer: registry.SpeechTokenizer, batch: int
) -> dict[str, NDArray[np.int64]]:
    """Encode sounds in batches of like length."""
    codes: dict[str, NDArray[np.int64]] = {}
    keys = sorted(sounds, key=lambda key: (len(sounds[key]), key))
    for start in range(0, len(keys), batch):
        part = keys[start : start + batch]
        codes.update(zip(part, tokenizer.encode([sounds[key] for key in part]), strict=True))
    return codes
