"""Voices and ears for an evaluation: groups of voices by what training knows of them, and the embedded recogniser."""

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from types import MappingProxyType

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

KNOWN, HELD_OUT_VOICES, HELD_OUT_ENGINE = "known voices", "held-out voices", "held-out engine"


def voice_groups(voices: Sequence[Voice]) -> dict[str, tuple[Voice, ...]]:
    """Divide voices into those of the training, held-out ones of the same engines, and those of engines wholly held out.

    Groups without a voice are left out; the first one is that of the training.

    Raises:
        ValueError: All voices are held out.
    """
    engines = {voice.engine for voice in voices if not voice.held_out}
    if not engines:
        raise ValueError(f"voices: all {len(voices)} are held out; an evaluation needs some that training knows")
    groups = {
        KNOWN: tuple(voice for voice in voices if not voice.held_out),
        HELD_OUT_VOICES: tuple(voice for voice in voices if voice.held_out and voice.engine in engines),
        HELD_OUT_ENGINE: tuple(voice for voice in voices if voice.engine not in engines),
    }
    return {name: table for name, table in groups.items() if table}


def training_speech(reference: str) -> tuple[SynthConfig, str]:
    """Return how the training data of a model was spoken, and in words whence that is known.

    Every synthesis below the token dataset counts. Where the dataset cannot be read any more, or says of none, it is assumed to
    have been spoken by the embedded table.

    Raises:
        ConfigError: What a synthesis recorded is none for this version of omniforge.
    """
    try:
        below = lineage(open_dataset(reference)).datasets
    except StorageError:
        return SynthConfig(), "embedded table, assumed: the training data cannot be read"
    spoken: dict[str, SynthConfig] = {}
    for dataset in below:
        content = dataset.manifest.content
        recorded = content.config.get("synth", {}).get("speech")
        if recorded is not None:
            name = f"{content.name}@sha256:{dataset.manifest.content_sha256[:16]}"
            spoken[name] = from_mapping(
                SynthConfig, {part: recorded[part] for part in ("engines", "voices") if part in recorded}, name
            )
    if not spoken:
        return SynthConfig(), "embedded table, assumed: the training data records no synthesis"
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
