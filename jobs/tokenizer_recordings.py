"""Recorded speech with transcripts below a folder, read and checked as `pull` does it."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from omniforge.jobs.tokenizer_held_out import held_out_speaker, held_out_text
from omniforge.pipeline.filters.check import CheckConfig, check
from omniforge.pipeline.filters.text import TextConfig
from omniforge.pipeline.sources.commonvoice import CommonVoice
from omniforge.pipeline.sources.librispeech import TRANSCRIPTS, LibriSpeech
from omniforge.pipeline.sources.source import Source
from omniforge.schemas.record import Refusal

_TABLE = "validated.tsv"
# The recogniser and the phonemes are English.
_CHECK = CheckConfig(text=TextConfig(languages=frozenset({"en"})))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """What somebody said.

    Attributes:
        name: `<file, relative to the folder>#<record>`.
        speaker: As the corpus names them; None where it does not.
        text: The transcript, as it is written in the corpus.
        samples: Mono float32 at 16 kHz.
        held_out: Whether its speaker is left for evaluation, or its text where the speaker is not known.
    """

    name: str
    speaker: str | None
    text: str
    samples: NDArray[np.float32]
    held_out: bool


def read_recordings(folder: Path) -> Iterator[Recording | Refusal]:
    """Read all LibriSpeech chapters and Common Voice tables anywhere below a folder, in a fixed order.

    A recording that cannot be used is a refusal with its reason, in its place: without transcript or sound, damaged, too
    short or long for its words, not declared English.

    Raises:
        ValueError: There is no such folder.
    """
    if not folder.is_dir():
        raise ValueError(f"data={folder}: no such folder. Give a folder with recordings, or no data.")
    for source in _sources(folder):
        for container in source.containers(folder):
            for item in source.read(folder, container.path, 0, container.records):
                if isinstance(item, Refusal):
                    yield item
                    continue
                record = check(item, corpus="recordings", config=_CHECK)
                if isinstance(record, Refusal):
                    yield record
                    continue
                samples, _ = soundfile.read(io.BytesIO(record.media[0].data), dtype="float32")
                assert record.text is not None
                yield Recording(
                    name=record.source_uri,
                    speaker=record.speaker,
                    text=record.text,
                    samples=samples,
                    held_out=held_out_speaker(record.speaker) if record.speaker else held_out_text(record.text),
                )


def _sources(folder: Path) -> Iterator[Source]:
    if any(folder.rglob(TRANSCRIPTS)):
        yield LibriSpeech(folder=".")
    for table in sorted(folder.rglob(_TABLE)):
        yield CommonVoice(folder=table.parent.relative_to(folder).as_posix(), table=_TABLE)
