"""Pull: read a corpus, check every record, hear whether speech says what its transcript says, commit a media unit."""

import io
import pickle
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

import numpy as np
import soundfile
from numpy.typing import NDArray

from omniforge.pipeline.engine import Operator, Row, Step
from omniforge.pipeline.filters.check import CheckConfig, check
from omniforge.pipeline.filters.problem import Problem
from omniforge.pipeline.filters.transcript import (
    TranscriptConfig,
    pair_problem,
    spoken_words,
    transcript_problem,
)
from omniforge.pipeline.media import Outcome, commit_records
from omniforge.pipeline.plan import Unit, make_unit, ranges
from omniforge.pipeline.sources.source import Source
from omniforge.pipeline.storage import Store
from omniforge.schemas.record import Record, Refusal, SourceRecord, record_key
from omniforge.synth.roundtrip import word_error_rate

PULL_VERSION = "2"
"""Raise it when the same records, under the same checks and as the same recogniser hears them, would come out otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """A corpus to pull: its name, the format that reads it, and the folder its container paths are relative to."""

    name: str
    source: Source
    root: Path
    revision: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PullConfig:
    """How records are checked. With `hear` off no recogniser listens, and a transcript of another recording is then kept."""

    check: CheckConfig = field(default_factory=CheckConfig)
    hear: bool = True
    actors: int = 1
    actor_cpus: float = 1.0


def plan_pull(corpora: Iterable[Corpus], config: PullConfig, recogniser: str, *, limit: int | None = None) -> list[Unit]:
    """Plan the units of some corpora; `limit` records at most of each.

    Opens every container, so a missing or malformed corpus is found before any worker starts.
    """
    units = []
    for corpus in corpora:
        fingerprints = {
            "pull": PULL_VERSION,
            "source": f"{type(corpus.source).__name__}/{corpus.source.version}/{corpus.source!r}",
            "check": config.check.fingerprint(),
            "hearing": recogniser if config.hear else "unheard",
            "revision": corpus.revision,
        }
        left = limit
        for container in corpus.source.containers(corpus.root):
            for start, stop in ranges(container.records, container.bytes, limit=left):
                units.append(
                    make_unit(
                        stage="pull",
                        corpus=corpus.name,
                        container=container.path,
                        start=start,
                        stop=stop,
                        identity=container.identity,
                        fingerprints=fingerprints,
                    )
                )
            if left is not None:
                left = max(0, left - container.records)
    return units


class Recogniser(Protocol):
    """What `synth.roundtrip.Recogniser` offers here."""

    def transcribe(self, samples: NDArray[np.float32]) -> str:
        """Return what is heard in mono samples at 16 kHz."""
        ...


def pull_operators(
    store: Store, corpora: Mapping[str, Corpus], config: PullConfig, load_recogniser: Callable[[], Recogniser]
) -> list[Operator]:
    """The graph of a pull: read and check in tasks; hear in actors where there is something to hear.

    The media of a unit cross the object store once, so what hears them also commits them.
    """

    def build_prepare() -> Step:
        def prepare(row: Row) -> Row:
            unit = Unit.from_json(row["unit"])
            return {"unit": row["unit"], "payload": pickle.dumps(read_and_check(unit, corpora[unit.corpus], config.check))}

        return prepare

    def build_commit() -> Step:
        recogniser = load_recogniser() if config.hear else None

        def hear_and_commit(row: Row) -> Row:
            unit = Unit.from_json(row["unit"])
            outcomes = [
                outcome if recogniser is None else hear(outcome, related, recogniser, config.check.transcript)
                for outcome, related in pickle.loads(row["payload"])
            ]
            entry = commit_records(store, unit, outcomes)
            return {"unit": row["unit"], "payload": entry.counts.model_dump_json().encode()}

        return hear_and_commit

    return [
        Operator(name="read and check", build=build_prepare),
        Operator(
            name="hear and commit",
            build=build_commit,
            actors=config.actors if config.hear else 0,
            cpus=config.actor_cpus,
        ),
    ]


def read_and_check(unit: Unit, corpus: Corpus, config: CheckConfig) -> list[tuple[Outcome, tuple[str, ...]]]:
    """Read the records of a unit and hold each against the rules; with each, the texts that are known about its picture."""
    outcomes: list[tuple[Outcome, tuple[str, ...]]] = []
    for item in corpus.source.read(corpus.root, unit.container, unit.start, unit.stop):
        if isinstance(item, SourceRecord):
            outcome = check(item, corpus=corpus.name, config=config)
            if isinstance(outcome, Record):
                outcome = replace(outcome, revision=corpus.revision)
            outcomes.append((outcome, item.related_texts))
        else:
            outcomes.append((replace(item, key=record_key(corpus.name, item.source_uri)), ()))
    if len(outcomes) != unit.stop - unit.start:
        raise ValueError(
            f"{unit.container} records {unit.start} to {unit.stop}: {len(outcomes)} read, {unit.stop - unit.start} planned; "
            "the file changed since the plan was made, plan again"
        )
    return outcomes


def hear(outcome: Outcome, related: tuple[str, ...], recogniser: Recogniser, config: TranscriptConfig) -> Outcome:
    """Refuse a record whose speech, as the recogniser hears it, is not what it should be.

    Not heard is what no verdict could follow from: transcripts of one or two words that are not of a closed set (a recogniser
    errs too often on those, and every clip costs it a window of 30 s), and languages other than the recogniser's English. Nor
    is a record of an export that says what was heard: synthesis judged it by its own rules, and its measures are kept.
    """
    if isinstance(outcome, Refusal) or "asr_text" in outcome.measures:
        return outcome
    if (outcome.language or "en") != "en" or "speech" not in {file.role for file in outcome.media}:
        return outcome
    if outcome.kind in ("asr", "tts") and outcome.text and _decidable(outcome.text, config):
        heard = _transcribed(outcome, "speech", recogniser)
        problem = transcript_problem(heard, outcome.text, config)
        return _judged(outcome, problem, {"asr_text": heard, "wer": round(word_error_rate(outcome.text, heard), 4)})
    if outcome.kind == "s2i":
        heard = _transcribed(outcome, "speech", recogniser)
        return _judged(outcome, pair_problem(heard, related), {"asr_text": heard})
    return outcome


def _decidable(transcript: str, config: TranscriptConfig) -> bool:
    words = spoken_words(transcript)
    return len(words) >= config.min_words or set(words) <= set(config.closed_words)


def _transcribed(record: Record, role: str, recogniser: Recogniser) -> str:
    sound = next(file for file in record.media if file.role == role)
    samples, _ = soundfile.read(io.BytesIO(sound.data), dtype="float32")
    return recogniser.transcribe(samples)


def _judged(record: Record, problem: Problem | None, measures: dict[str, float | str]) -> Outcome:
    if problem is None:
        return replace(record, measures={**record.measures, **measures})
    return Refusal(
        source_uri=record.source_uri, key=record.key, reason=problem.reason, detail=problem.detail, evidence=problem.evidence
    )
