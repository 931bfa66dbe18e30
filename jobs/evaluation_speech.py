"""Voices and ears for an evaluation: groups of voices by what training knows of them, and the embedded recogniser."""

import hashlib
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import soxr  # type: ignore[import-untyped]
from numpy.typing import NDArray

from omniforge.synth.normalise import normalise
from omniforge.synth.roundtrip import SAMPLE_RATE, Recogniser
from omniforge.synth.tts.engine import Engine
from omniforge.synth.tts.registry import load_engine
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


def speech_tools(groups: Mapping[str, Sequence[Voice]], recogniser: Recogniser | None = None) -> SpeechTools:
    """Load the engines of the voices, and the embedded recogniser unless one is given."""
    names = sorted({voice.engine for table in groups.values() for voice in table})
    engines = {name: load_engine(name) for name in names}
    ears = recogniser or Recogniser.load()
    tables = hashlib.sha256(repr({name: tuple(table) for name, table in groups.items()}).encode()).hexdigest()[:16]
    return SpeechTools(
        voices={name: _speaker(tuple(table), engines) for name, table in groups.items()},
        transcribe=ears.transcribe,
        normalise=normalise,
        fingerprint="; ".join((*(engines[name].fingerprint for name in names), f"voices {tables}", ears.fingerprint)),
    )


def _speaker(table: Sequence[Voice], engines: Mapping[str, Engine]) -> Callable[[str, str], NDArray[np.float32]]:
    def speak(text: str, key: str) -> NDArray[np.float32]:
        voice = draw_voice(key, table)
        seed = int.from_bytes(hashlib.sha256(f"{key}\nevaluation".encode()).digest()[:6])
        wave = engines[voice.engine].speak(text, voice, seed)
        return np.asarray(np.clip(soxr.resample(wave.samples, wave.rate, SAMPLE_RATE), -1.0, 1.0), np.float32)

    return speak
