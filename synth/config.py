"""Everything that decides what synthetic speech is made, and which of it is kept."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from omniforge.synth.roundtrip import RoundtripConfig
from omniforge.synth.speakable import SpeakableConfig
from omniforge.synth.voices import EMBEDDED_VOICES, Voice

RULES = 1
"""Number of the rules in this folder: raised when they change what is said, so that units are made again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SynthConfig:
    """Settings of the synth job.

    `retries` is how many other voices are tried when an utterance is not understood. `verify_share` of the records (by a hash
    of their key) are transcribed, which costs about 0.4 s of one core for each utterance; the sound itself is always measured.
    An utterance of one or two words that is not understood is heard once more behind `carrier`, said by the same voice; an
    empty `carrier` leaves that out. `recogniser` is a folder with a Whisper model in CTranslate2 form; None takes the packaged
    tiny.en.
    """

    engine: str = "hibari"
    engine_options: Mapping[str, str | int | float] = field(default_factory=dict)
    voices: tuple[Voice, ...] = EMBEDDED_VOICES
    retries: int = 2
    verify: bool = True
    verify_share: float = 1.0
    carrier: str = "The word is:"
    recogniser: str | None = None
    speakable: SpeakableConfig = field(default_factory=SpeakableConfig)
    roundtrip: RoundtripConfig = field(default_factory=RoundtripConfig)

    def __post_init__(self) -> None:
        if len({voice.name for voice in self.voices}) < max(2, len(self.voices)):
            raise ValueError(
                f"voices: give at least 2 with different names (question and answer differ), not {len(self.voices)}."
            )
        if strangers := sorted({voice.engine for voice in self.voices} - {self.engine}):
            raise ValueError(f"voices: some are of engine {', '.join(strangers)}, but the engine is {self.engine!r}.")
        if self.retries < 0 or not 0 <= self.verify_share <= 1:
            raise ValueError(f"retries ({self.retries}) must be 0 or more and verify_share ({self.verify_share}) from 0 to 1.")

    def fingerprint(self) -> str:
        """Hash of the rules and of all settings; the engine and the recogniser add theirs (`Speaker.fingerprint`)."""
        settings = {"rules": RULES} | asdict(self)
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]

    def verifies(self, key: str) -> bool:
        """Tell whether the utterances of this record are transcribed."""
        place = int.from_bytes(hashlib.sha256(f"verify\n{key}".encode()).digest()[:8]) / 2**64
        return self.verify and place < self.verify_share
