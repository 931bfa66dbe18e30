"""Everything that decides what synthetic speech is made, and which of it is kept."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cache
from typing import Annotated

from pydantic import BeforeValidator

from omniforge.synth.augment import AugmentConfig
from omniforge.synth.roles import Task
from omniforge.synth.roundtrip import RoundtripConfig
from omniforge.synth.speakable import SpeakableConfig
from omniforge.synth.tts.registry import engine_names
from omniforge.synth.voices import EMBEDDED_VOICES, Voice, expand_tables

RULES = 2
"""Number of the rules in this folder: raised when they change what is said, so that units are made again."""

Options = Mapping[str, str | int | float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthConfig:
    """Settings of the synth job.

    `voices` is a list of voices and of names of tables (`[embedded, flite]`); each names its engine, and `engines` gives those
    options by name. An engine of another name than those of the registry
    says in its option `engine` which one it is, so that one kind of engine may stand there twice with two models.
    `batch_size` is how many utterances an engine is given at once that can say several.

    `retries` is how many other voices are tried when an utterance is not understood. `verify_share` of the records (by a hash
    of their key) are transcribed, which costs about 0.4 s of one core for each utterance, and `quality_share` have their
    speech quality scored, which costs about as much; the sound itself is always measured.
    An utterance of one or two words that is not understood is heard once more behind `carrier`, said by the same voice; an
    empty `carrier` leaves that out. `recogniser` is a folder with a Whisper model in CTranslate2 form; None takes the packaged
    tiny.en.
    """

    engines: Mapping[str, Options] = field(default_factory=dict)
    voices: Annotated[tuple[Voice, ...], BeforeValidator(expand_tables)] = EMBEDDED_VOICES
    batch_size: int = 16
    retries: int = 2
    verify_share: float = 1.0
    quality_share: float = 1.0
    carrier: str = "The word is:"
    recogniser: str | None = None
    speakable: SpeakableConfig = field(default_factory=SpeakableConfig)
    roundtrip: RoundtripConfig = field(default_factory=RoundtripConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)

    def __post_init__(self) -> None:
        if len({voice.name for voice in self.voices}) < len(self.voices):
            raise ValueError("voices: two have one name; names are what the index and the report tell voices apart by.")
        for split, table in (("test", self.voices_of("test")), ("train", self.voices_of("train"))):
            if len(table) < 2:
                raise ValueError(f"voices: {len(table)} for the {split} split; give at least 2 (question and answer differ).")
        known = {*_registered(), *self.engines}
        if strangers := sorted({voice.engine for voice in self.voices} - known):
            raise ValueError(f"voices: there is no engine {strangers[0]!r}; there are: {', '.join(sorted(known))}.")
        for name in self.engines:
            if (kind := self.engine_named(name)[0]) not in _registered():
                raise ValueError(f"engines: {name}: there is no engine {kind!r}; there are: {', '.join(_registered())}.")
        if self.retries < 0 or not 0 <= self.verify_share <= 1 or not 0 <= self.quality_share <= 1 or self.batch_size < 1:
            raise ValueError(
                f"retries ({self.retries}) must be 0 or more, batch_size ({self.batch_size}) 1 or more, verify_share "
                f"({self.verify_share}) and quality_share ({self.quality_share}) from 0 to 1."
            )

    def fingerprint(self) -> str:
        """Hash of the rules and of all settings that change what is made, as `batch_size` and the name of an accent do not.

        The engines and the models that listen add theirs (`Speaker.fingerprint`).
        """
        settings = {"rules": RULES} | asdict(self)
        del settings["batch_size"]
        for voice in settings["voices"]:
            del voice["accent"]
            if not voice["tasks"]:
                del voice["tasks"]  # so that what was made before voices had tasks is still known
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    def engine_named(self, name: str) -> tuple[str, Options]:
        """What the registry has to load for the engine of this name: its own name there, and its options."""
        options = dict(self.engines.get(name, {}))
        return str(options.pop("engine", name)), options

    def voices_of(self, split: str, task: Task | None = None) -> tuple[Voice, ...]:
        """The voices that may speak records of a split for a task: the held-out ones those of `test` alone, if there are any.

        Voices that name the task, where there are some, and otherwise those that name none.
        """
        named = tuple(voice for voice in self.voices if task in voice.tasks)
        voices = named or tuple(voice for voice in self.voices if not voice.tasks)
        held_out = tuple(voice for voice in voices if voice.held_out)
        return held_out if held_out and split == "test" else tuple(voice for voice in voices if not voice.held_out)

    def verifies(self, key: str) -> bool:
        """Tell whether the utterances of this record are transcribed."""
        return _place("verify", key) < self.verify_share

    def scores(self, key: str) -> bool:
        """Tell whether the quality of this record's speech is scored."""
        return _place("quality", key) < self.quality_share


@cache
def _registered() -> tuple[str, ...]:
    """The registry's names, read once: looking through the installed packages takes 30 ms."""
    return engine_names()


def _place(purpose: str, key: str) -> float:
    """A number from 0 to 1 that belongs to a key."""
    return int.from_bytes(hashlib.sha256(f"{purpose}\n{key}".encode()).digest()[:8]) / 2**64
