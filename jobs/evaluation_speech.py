"""Voices and ears for an evaluation: groups of voices by what training knows of them, and the embedded recogniser."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from omniforge.jobs.config import from_mapping
from omniforge.pipeline.catalog import lineage
from omniforge.pipeline.reference import open_dataset
from omniforge.pipeline.storage import StorageError
from omniforge.synth.config import Options, SynthConfig
from omniforge.synth.roundtrip import Recogniser, word_errors
from omniforge.synth.synthesiser import Line, Synthesiser
from omniforge.synth.tts.engine import SpeechError
from omniforge.synth.voices import Voice, draw_voice
from omniforge.trainer.evaluate.bench import SpeechTools
from omniforge.trainer.evaluate.run import write_json

SPEECH_FILE = "speech.json"
"""Beside the weights of an exported model: the engines and voices of its training, by synthesis."""

KNOWN, HELD_OUT_VOICES, HELD_OUT_ENGINE = "known voices", "held-out voices", "held-out engine"


def voice_groups(voices: Sequence[Voice]) -> dict[str, tuple[Voice, ...]]:
    """Divide voices into those of the training, held-out ones of the same engines, and those of engines wholly held out.

    Groups without a voice are left out; the first one is that of the training. Voices that only recite are in none: a model
    learns to speak like them and never hears them.

    Raises:
        ValueError: All voices are held out.
    """
    voices = [voice for voice in voices if set(voice.tasks) != {"recited"}]
    engines = {voice.engine for voice in voices if not voice.held_out}
    if not engines:
        raise ValueError(f"voices: all {len(voices)} are held out; an evaluation needs some that training knows")
    groups = {
        KNOWN: tuple(voice for voice in voices if not voice.held_out),
        HELD_OUT_VOICES: tuple(voice for voice in voices if voice.held_out and voice.engine in engines),
        HELD_OUT_ENGINE: tuple(voice for voice in voices if voice.engine not in engines),
    }
    return {name: table for name, table in groups.items() if table}


def recorded_speech(reference: str) -> dict[str, dict[str, Any]]:
    """Return the engines and voices that each synthesis below a token dataset recorded, by its name.

    Raises:
        StorageError: The dataset cannot be read.
    """
    recorded: dict[str, dict[str, Any]] = {}
    for dataset in lineage(open_dataset(reference)).datasets:
        content = dataset.manifest.content
        speech = content.config.get("synth", {}).get("speech")
        if speech is not None:
            name = f"{content.name}@sha256:{dataset.manifest.content_sha256[:16]}"
            recorded[name] = {part: speech[part] for part in ("engines", "voices") if part in speech}
    return recorded


def write_speech(reference: str, folder: Path) -> bool:
    """Let a folder that is given away say how the training data was spoken; return False where that cannot be read."""
    try:
        recorded = recorded_speech(reference)
    except StorageError:
        return False
    if recorded:
        write_json(folder / SPEECH_FILE, recorded)
    return True


def training_speech(reference: str, folder: Path) -> tuple[SynthConfig, str]:
    """Return how the training data of a model was spoken, and in words whence that is known.

    Every synthesis below the token dataset counts. Where the dataset cannot be read any more, the model's folder may tell
    (`write_speech`). Otherwise, or where the dataset says of none, the embedded table is assumed.

    Raises:
        ConfigError: What a synthesis recorded is none for this version of omniforge.
    """
    try:
        recorded = recorded_speech(reference)
    except StorageError:
        if not (folder / SPEECH_FILE).is_file():
            return SynthConfig(), "embedded table, assumed: the training data cannot be read"
        recorded = json.loads((folder / SPEECH_FILE).read_text(encoding="utf-8"))
    if not recorded:
        return SynthConfig(), "embedded table, assumed: the training data records no synthesis"
    spoken = {name: from_mapping(SynthConfig, speech, name) for name, speech in recorded.items()}
    engines = {name: options for config in spoken.values() for name, options in config.engines.items()}
    voices = tuple(dict.fromkeys(voice for config in spoken.values() for voice in config.voices))
    return SynthConfig(engines=engines, voices=voices), f"recorded by {', '.join(spoken)}"


def speech_tools(groups: Mapping[str, Sequence[Voice]], engines: Mapping[str, Options] = MappingProxyType({})) -> SpeechTools:
    """Load the engines of the voices, by `engines` with options, and the embedded recogniser."""
    table = tuple(voice for voices in groups.values() for voice in voices)
    synthesiser = Synthesiser(SynthConfig(voices=table, engines=engines))
    ears = Recogniser.load()
    tables = hashlib.sha256(repr({name: tuple(table) for name, table in groups.items()}).encode()).hexdigest()[:16]
    return SpeechTools(
        voices={name: partial(_speak, synthesiser, tuple(table)) for name, table in groups.items()},
        transcribe=ears.transcribe,
        word_errors=word_errors,
        fingerprint=f"{synthesiser.fingerprint}; voices {tables}; {ears.fingerprint}",
    )


def _speak(synthesiser: Synthesiser, table: Sequence[Voice], text: str, key: str) -> NDArray[np.float32]:
    """Say a text with the voice and the noise that belong to its key.

    Raises:
        ValueError: The engine could not.
    """
    voice = draw_voice(key, table)
    seed = int.from_bytes(hashlib.sha256(f"{key}\nevaluation".encode()).digest()[:6])
    (take,) = synthesiser.speak([Line(text, voice, seed)])
    if isinstance(take, SpeechError):
        raise ValueError(f"evaluation: {voice.name} cannot say {text!r}: {take}")
    return take
