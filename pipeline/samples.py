"""The token layer's shards: samples to tar members and index rows."""

import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from omniforge.pipeline.ledger import commit, counts_of
from omniforge.pipeline.media import quarantine_frame, schema_refusal
from omniforge.pipeline.plan import Unit
from omniforge.pipeline.shards import TarMember, write_tar
from omniforge.pipeline.storage import Store
from omniforge.schemas.ledger import LedgerEntry
from omniforge.schemas.record import Record, Refusal
from omniforge.schemas.sample import SampleIndex
from omniforge.schemas.table import polars_schema, split_failures
from omniforge.tokenizers.chat import Sample


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenSample:
    """A laid-out sample of a record.

    `features` are float32 [T, 560], one for each continuous sound in order. `grounding` has (position, word id, word id ...)
    for each code of which the record says what it shows and each phrase of which it says what it tells, positions ascending,
    `mentions` the same for each phrase of which it says what is true of all that is meant.
    """

    task: str
    record: Record
    sample: Sample
    seconds: float
    vocabulary: str
    features: tuple[NDArray[np.float32], ...] = ()
    grounding: tuple[tuple[int, ...], ...] = ()
    mentions: tuple[tuple[int, ...], ...] = ()

    @property
    def key(self) -> str:
        """The record's key and the task."""
        return f"{self.record.key}-{self.task}"


def commit_samples(store: Store, unit: Unit, outcomes: Sequence[TokenSample | Refusal]) -> LedgerEntry:
    """Write the shard, index and quarantine of a unit of the token layer and commit it.

    A sample whose index row breaks its contract is refused with the column, the check and the value, before the shard is made.
    """
    samples = [outcome for outcome in outcomes if isinstance(outcome, TokenSample)]
    refusals = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    rows = pl.DataFrame([_index_row(sample, unit) for sample in samples], schema=polars_schema(SampleIndex), orient="row")
    good, failures = split_failures(SampleIndex, rows)
    broken = {failure.row: failure for failure in failures}
    refusals += [schema_refusal(samples[row].record, failure, samples[row].task) for row, failure in broken.items()]
    kept = [sample for row, sample in enumerate(samples) if row not in broken]
    files = [_tar_files(sample) for sample in kept]
    shard, members = write_tar(file for group in files for file in group)
    lying = iter(members)
    of_samples = [[_member(next(lying)) for _ in group] for group in files]
    quarantine = quarantine_frame(refusals, unit)
    return commit(
        store,
        unit,
        shard=shard if kept else None,
        index=good.with_columns(pl.Series("members", of_samples, dtype=good.schema["members"])),
        quarantine=quarantine,
        counts=counts_of(len(outcomes), len(kept), quarantine),
    )


def _npy(array: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=False)
    return buffer.getvalue()


def _tar_files(sample: TokenSample) -> list[tuple[str, bytes]]:
    record = sample.record
    document = {
        "key": sample.key,
        "task": sample.task,
        "spans": [asdict(span) for span in sample.sample.spans],
        "loss_spans": [list(span) for span in sample.sample.loss_spans],
        "vocabulary": sample.vocabulary,
        "record": record.key,
        "corpus": record.corpus,
        "split": record.split,
        "source_uri": record.source_uri,
        "parents": list(record.parents),
        "license": record.license,
    }
    for name, named in (("grounding", sample.grounding), ("mentions", sample.mentions)):
        if named:
            document[name] = [list(pair) for pair in named]
    features = sample.features
    text = json.dumps(document, ensure_ascii=False, sort_keys=True, allow_nan=False)
    return [
        (f"{sample.key}.json", text.encode()),
        (f"{sample.key}.ids.npy", _npy(sample.sample.ids)),
        *((f"{sample.key}.fbank{n or ''}.npy", _npy(feature.astype(np.float16))) for n, feature in enumerate(features)),
    ]


def _member(member: TarMember) -> dict[str, Any]:
    suffixes = member.name.split(".")[1:]
    return {"name": member.name, "role": suffixes[0], "format": suffixes[-1], "offset": member.offset, "size": member.size}


def _index_row(sample: TokenSample, unit: Unit) -> dict[str, Any]:
    tokens = {"text": 0, "image": 0, "speech": 0}
    for span in sample.sample.spans:
        tokens[span.modality] += span.stop - span.start
    record = sample.record
    return {
        "key": sample.key,
        "task": sample.task,
        **{name: getattr(record, name) for name in ("corpus", "split", "source_uri", "license", "language")},
        "record": record.key,
        "parents": list(record.parents),
        "length": len(sample.sample.ids),
        **{f"{modality}_tokens": count for modality, count in tokens.items()},
        "loss_tokens": sum(stop - start for start, stop in sample.sample.loss_spans),
        "seconds": round(sample.seconds, 6),
        **{name: record.measures.get(name) for name in ("voice", "engine", "wer")},
        "unit": unit.id,
        "shard": "",
        "members": [],
    }
