"""One thing to be said, and the same thing said."""

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from omniforge.schemas.record import MediaFile, Record, Refusal
from omniforge.synth.config import SynthConfig
from omniforge.synth.flac import encode_flac
from omniforge.synth.roles import Role, Task
from omniforge.synth.roundtrip import SAMPLE_RATE
from omniforge.synth.unspeakable import Unspeakable
from omniforge.synth.voices import Voice, rank_voices


@dataclass(frozen=True, slots=True, kw_only=True)
class Utterance:
    """A text, who says it, and the seed of the engine's noise.

    `voices` are tried in turn until one is understood; `key` and `source_uri` are those of the record that it is made for.
    """

    role: Role
    text: str
    voices: tuple[Voice, ...]
    seed: int
    key: str
    source_uri: str
    task: Task

    @property
    def voice(self) -> Voice:
        """The first voice."""
        return self.voices[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """An utterance that passed: `samples` (N,) float32 at 16 kHz that 16 bits hold, and what was measured of exactly these.

    `wer` and `heard` are None where nobody listened, `quality` where it was not scored. `augmentation` says in words what was
    done to the samples after they passed; it is empty when they are clean.
    """

    role: Role
    text: str
    samples: npt.NDArray[np.float32]
    voice: Voice
    engine: str
    wer: float | None
    heard: str | None
    words_per_second: float
    silence: float
    quality: float | None = None
    augmentation: str = ""

    @property
    def seconds(self) -> float:
        """Duration."""
        return self.samples.size / SAMPLE_RATE


def plan(record: Record, texts: dict[Role, str], task: Task, config: SynthConfig) -> tuple[Utterance, ...]:
    """Give each text its voices, none of which another text of the record has, and its seed, from the record's key alone."""
    ranked = rank_voices(record.key, config.voices_of(record.split, task))
    return tuple(
        Utterance(
            role=role,
            text=text,
            voices=ranked[place :: len(texts)][: config.retries + 1],
            seed=int.from_bytes(hashlib.sha256(f"{record.key}\n{task}\n{role}".encode()).digest()[:6]),
            key=record.key,
            source_uri=record.source_uri,
            task=task,
        )
        for place, (role, text) in enumerate(texts.items())
    )


def refuse(record: Record, task: Task, why: Unspeakable) -> Refusal:
    """Refuse to make this task of a record."""
    return Refusal(source_uri=record.source_uri, key=record.key, task=task, reason=why.reason, detail=why.detail)


def refuse_language(record: Record) -> Unspeakable | None:
    """Say no to a record whose language is known and not English: the voices and the recogniser speak English."""
    if record.language is None or record.language.lower().split("-")[0].split("_")[0] in ("en", "eng", "english"):
        return None
    return Unspeakable("language", f"the record's language is {record.language!r}, the voices speak English")


def picture(record: Record) -> MediaFile | Unspeakable:
    """The one picture of a record."""
    pictures = [medium for medium in record.media if medium.role.startswith("image")]
    if not pictures:
        return Unspeakable("missing_image", "the record has no picture")
    if len(pictures) > 1:
        return Unspeakable("no_task", f"the record has {len(pictures)} pictures, spoken tasks have one")
    return pictures[0]


def sound(spoken: Spoken, role: Role) -> MediaFile:
    """Encode speech as 16-bit FLAC."""
    data = encode_flac(spoken.samples)
    return MediaFile(role=role, format="flac", data=data, sample_rate=SAMPLE_RATE, seconds=spoken.seconds, channels=1)


def measures(spoken: Spoken, prefix: str = "") -> dict[str, float | str]:
    """What the index and the record's JSON say of an utterance.

    `wer` and `asr_text` are absent where nobody listened, and `verified` says so; `quality` where it was not scored;
    `augmentation` where the sound is clean.
    """
    columns: dict[str, float | str] = {
        "voice": spoken.voice.name,
        "engine": spoken.engine,
        "seconds": round(spoken.seconds, 3),
        "words_per_second": round(spoken.words_per_second, 3),
        "silence": round(spoken.silence, 3),
        "verified": float(spoken.wer is not None),
    }
    if spoken.wer is not None and spoken.heard is not None:
        columns |= {"wer": round(spoken.wer, 4), "asr_text": spoken.heard}
    if spoken.quality is not None:
        columns["quality"] = round(spoken.quality, 3)
    if spoken.augmentation:
        columns["augmentation"] = spoken.augmentation
    return {prefix + name: value for name, value in columns.items()}
