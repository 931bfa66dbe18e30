"""Synthesise: what media records say, spoken by drawn voices and understood by a recogniser, as SDVI records."""

import hashlib
import pickle
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from omniforge.pipeline.engine import Operator, Row, Step
from omniforge.pipeline.media import Outcome, commit_records, read_media, record_from_row
from omniforge.pipeline.plan import Unit, make_unit
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.speech_cache import StoredCache
from omniforge.pipeline.storage import Store
from omniforge.pipeline.units import media_units, unit_rows
from omniforge.schemas.record import Kind, MediaFile, Record, Refusal
from omniforge.synth import s2i, spoken_sentence, svqa
from omniforge.synth.config import SynthConfig
from omniforge.synth.roles import Task
from omniforge.synth.speak import Speaker
from omniforge.synth.utterance import Spoken, Utterance

PLANS: dict[str, Callable[[Record, SynthConfig], tuple[Utterance, ...] | Refusal]] = {
    "svqa": svqa.plan_utterances,
    "s2i": s2i.plan_utterances,
    "spoken": spoken_sentence.plan_utterances,
    "recited": partial(spoken_sentence.plan_utterances, task="recited"),
}
"""What can be made of records by speaking them: each decides what is said, or why nothing is."""

SYNTHESIS_VERSION = "2"
"""Raise it when the same record, voices and engines would give other records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpokenTask:
    """One thing to make: which kinds of records it is made from, and the share of them, drawn by their keys."""

    task: Task
    kinds: tuple[Kind, ...]
    share: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"synth task {self.task}: share is {self.share}; it is a part of 1")

    def draws(self, record: dict[str, Any]) -> bool:
        """Tell whether this record is drawn; the same ones whatever else is in the corpus."""
        if record["kind"] not in self.kinds:
            return False
        return _drawn(self.task, record["key"], self.share)


def _drawn(purpose: str, name: str, share: float) -> bool:
    return int.from_bytes(hashlib.sha256(f"{purpose}\n{name}".encode()).digest()[:8]) < share * 2**64


DEFAULT_TASKS = (
    SpokenTask(task="svqa", kinds=("vqa", "chat")),
    SpokenTask(task="s2i", kinds=("caption", "prompt")),
    SpokenTask(task="spoken", kinds=("tts",)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthesisConfig:
    """What is spoken and how it is checked.

    `test_share` of the pictures (of the records, where they have none) give records of the split `test` where their corpus says
    `train`: drawn by the picture's content, so that all that is spoken of a picture is in one split, as far as the corpora that
    have it agree on `train`. `cache` keeps what was
    spoken, heard and scored below the root; it changes no result.
    """

    tasks: tuple[SpokenTask, ...] = DEFAULT_TASKS
    speech: SynthConfig = field(default_factory=SynthConfig)
    test_share: float = 0.0
    cache: bool = True
    records_per_unit: int = 128
    actors: int = 1
    actor_cpus: float = 1.0
    actor_gpus: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.test_share <= 1:
            raise ValueError(f"synth: test_share is {self.test_share}; it is a part of 1")

    def split_of(self, row: dict[str, Any]) -> str:
        """The split of what is made from a record of the media layer."""
        if row["split"] != "train":
            return str(row["split"])
        picture = next((member["sha256"] for member in row["members"] if member["width"] is not None), row["key"])
        return "test" if _drawn("test split", picture, self.test_share) else "train"


def plan_synthesis(dataset: Dataset, config: SynthesisConfig, engine: str) -> Iterator[Unit]:
    """Plan units over the shards of a media dataset; the records drawn enter through the hash of their keys."""
    if not config.tasks:
        return
    fingerprints = {
        "synthesis": SYNTHESIS_VERSION,
        "tasks": repr(config.tasks),
        "speech": config.speech.fingerprint(),
        "test_share": repr(config.test_share),
        "engine": engine,
    }
    for row in media_units(dataset):
        for start in range(0, row["kept"], config.records_per_unit):
            stop = min(start + config.records_per_unit, row["kept"])
            unit = make_unit(
                stage="synth",
                corpus=row["corpus"],
                container=row["shard"],
                start=start,
                stop=stop,
                identity=f"{row['shard_sha256']}/{row['index_sha256']}",
                fingerprints=fingerprints,
                index=row["index"],
            )
            if any(task.draws(record) for record in unit_rows(dataset.store, unit) for task in config.tasks):
                yield unit


@dataclass(frozen=True, slots=True)
class Assignment:
    """One record to be made: the index row it comes from (with the new record's split), the task, and what is said for it."""

    row: dict[str, Any]
    task: Task
    utterances: tuple[Utterance, ...]


def synthesis_operators(source: Store, target: Store, config: SynthesisConfig) -> list[Operator]:
    """The graph of a synthesis: plan what is said in tasks, say and check it in actors, add pictures and commit in tasks."""

    def build_prepare() -> Step:
        def prepare(row: Row) -> Row:
            unit = Unit.from_json(row["unit"])
            return {"unit": row["unit"], "payload": pickle.dumps(assign(unit_rows(source, unit), config))}

        return prepare

    def build_speak() -> Step:
        speaker = Speaker(config.speech, cache=StoredCache(target) if config.cache else None)

        def step(row: Row) -> Row:
            said = say(pickle.loads(row["payload"]), speaker)
            return {"unit": row["unit"], "payload": pickle.dumps(said)}

        return step

    def build_commit() -> Step:
        def step(row: Row) -> Row:
            outcomes = [finish(source, item) for item in pickle.loads(row["payload"])]
            entry = commit_records(target, Unit.from_json(row["unit"]), outcomes)
            return {"unit": row["unit"], "payload": entry.counts.model_dump_json().encode()}

        return step

    return [
        Operator(name="plan speech", build=build_prepare),
        Operator(name="speak", build=build_speak, actors=config.actors, cpus=config.actor_cpus, gpus=config.actor_gpus),
        Operator(name="commit", build=build_commit),
    ]


def assign(rows: Sequence[dict[str, Any]], config: SynthesisConfig) -> list[Assignment | Refusal]:
    """Decide for every drawn record and task what is said, or why nothing is."""
    assignments: list[Assignment | Refusal] = []
    for row in rows:
        for task in config.tasks:
            if not task.draws(row):
                continue
            new = {**row, "split": config.split_of(row)}
            planned = PLANS[task.task](_with_roles(new), config.speech)
            assignments.append(planned if isinstance(planned, Refusal) else Assignment(new, task.task, planned))
    return assignments


def _with_roles(row: dict[str, Any]) -> Record:
    """A record whose media are named but not read: planning asks only which there are."""
    members = [member for member in row["members"] if member["role"] != "json"]
    return replace(record_from_row(row), media=tuple(MediaFile(role=m["role"], format=m["format"], data=b"") for m in members))


Said = tuple[Assignment, tuple[Spoken, ...]]


def say(assignments: Sequence[Assignment | Refusal], speaker: Speaker) -> list[Said | Refusal]:
    """Speak all utterances of a unit at once, so that engines can batch them; give each record its own back."""
    utterances = [u for item in assignments if isinstance(item, Assignment) for u in item.utterances]
    results = iter(speaker.speak(utterances))
    said: list[Said | Refusal] = []
    for item in assignments:
        if isinstance(item, Refusal):
            said.append(item)
            continue
        spoken = [next(results) for _ in item.utterances]
        refusal = next((result for result in spoken if isinstance(result, Refusal)), None)
        if refusal is not None:
            said.append(refusal)
        else:
            said.append((item, tuple(result for result in spoken if isinstance(result, Spoken))))
    return said


def finish(source: Store, item: Said | Refusal) -> Outcome:
    """Put a spoken record together with its parent's picture, read from the parent's shard only now."""
    if isinstance(item, Refusal):
        return item
    assignment, spoken = item
    parent = record_from_row(assignment.row)
    said = {utterance.role: utterance for utterance in spoken}
    if assignment.task in ("spoken", "recited"):
        return spoken_sentence.assemble(parent, said, assignment.task)
    picture = next(member["role"] for member in assignment.row["members"] if member["width"] is not None)
    image = read_media(source, assignment.row, [picture])[0]
    if assignment.task == "svqa":
        return svqa.assemble(parent, said, image)
    return s2i.assemble(parent, said, image)
