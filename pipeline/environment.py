"""What has to be equal for two runs to promise equal bytes."""

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "torch",
    "torchaudio",
    "onnxruntime",
    "ctranslate2",
    "pillow",
    "soundfile",
    "soxr",
    "numpy",
    "scipy",
    "pyarrow",
    "hibari-tts",
    "faster-whisper",
    "speechmos",
)
"""Packages whose version can change the bytes of a shard."""


@cache
def environment_facts() -> dict[str, str]:
    """Versions and processor of this process. Hosts, times and paths are left out: they change no byte."""
    import soundfile
    import torch

    facts = {"python": platform.python_version(), "machine": platform.machine()}
    for package in PACKAGES:
        try:
            facts[package] = version(package)
        except PackageNotFoundError:
            facts[package] = "absent"
    facts["libsndfile"] = soundfile.__libsndfile_version__
    facts["cpu_capability"] = torch.backends.cpu.get_cpu_capability()
    facts["device"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"
    return facts


def environment_fingerprint() -> str:
    """Hash of `environment_facts`, 16 hex digits."""
    text = "\n".join(f"{name}={value}" for name, value in sorted(environment_facts().items()))
    return hashlib.sha256(text.encode()).hexdigest()[:16]
