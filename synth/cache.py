"""What was spoken, heard and scored before, so that a changed filter or threshold costs none of it again."""

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]

from omniforge.synth.content import file_content
from omniforge.synth.voices import Voice

_FORMAT = 1
"""Raised when entries are written or samples are made in another way, so that old entries are not found."""

_SILENT_FIELDS = ("name", "accent", "share", "held_out", "tasks")
"""What of a voice changes no sample."""

_DIGEST_BYTES = 32


class Cache(Protocol):
    """Bytes by key (hexadecimal). Entries are never needed: one that is lost or damaged is made again."""

    def get(self, key: str) -> bytes | None:
        """Return an entry, or None if there is none."""
        ...

    def put(self, key: str, data: bytes) -> None:
        """Keep an entry, whole or not at all, in place of any of that key."""
        ...


def take_key(text: str, voice: Voice, seed: int, engine: str) -> str:
    """Key of the samples that an engine of this fingerprint makes of a text, a voice and a seed."""
    spoken = {name: value for name, value in asdict(voice).items() if name not in _SILENT_FIELDS}
    spoken |= {"reference": clip_identity(voice), "speaker": speaker_identity(voice)}
    return _key("take", text, spoken, seed, engine, soxr.__version__)


def clip_identity(voice: Voice) -> str:
    """What a voice clones: the content of its reference clip, or the path that a server knows it by; empty without a clip."""
    if voice.reference is None:
        return ""
    return file_content(voice.reference) if Path(voice.reference).is_file() else voice.reference


def speaker_identity(voice: Voice) -> str:
    """Who speaks: the content of a file of numbers (an x-vector, a preset of Bark's), or the name that the engine knows."""
    files = (voice.speaker, f"{voice.speaker}.npz")
    found = next((name for name in files if name.endswith((".npy", ".npz")) and Path(name).is_file()), None)
    return file_content(found) if found else voice.speaker


def heard_key(samples: npt.NDArray[np.float32], recogniser: str) -> str:
    """Key of what a recogniser of this fingerprint hears in exactly these samples."""
    return _key("heard", hashlib.sha256(samples.tobytes()).hexdigest(), recogniser)


def score_key(samples: npt.NDArray[np.float32], quality: str) -> str:
    """Key of what a quality model of this fingerprint says of exactly these samples."""
    return _key("score", hashlib.sha256(samples.tobytes()).hexdigest(), quality)


def recall(cache: Cache | None, key: str) -> bytes | None:
    """Return what was kept; None where there is no cache or entry, or where its bytes are not those that were kept."""
    entry = cache.get(key) if cache is not None else None
    if entry is None:
        return None
    digest, data = entry[:_DIGEST_BYTES], entry[_DIGEST_BYTES:]
    if digest != _digest(key, data):
        logging.getLogger(__name__).warning(
            "speech cache: the entry %s is damaged (%d bytes); it is made again", key, len(entry)
        )
        return None
    return data


def keep(cache: Cache | None, key: str, data: bytes) -> None:
    """Keep bytes under a key, behind a digest of both."""
    if cache is not None:
        cache.put(key, _digest(key, data) + data)


def _key(*facts: object) -> str:
    return hashlib.sha256(json.dumps([_FORMAT, *facts], sort_keys=True).encode()).hexdigest()


def _digest(key: str, data: bytes) -> bytes:
    return hashlib.sha256(key.encode() + data).digest()
