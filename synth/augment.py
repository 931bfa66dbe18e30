"""Clean speech made to sound recorded: another speed, a room, noise, a codec; drawn by seed and said in words."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import scipy.signal
import soundfile
import soxr  # type: ignore[import-untyped]

from omniforge.synth.flac import to_16_bit
from omniforge.synth.roles import Role, Task
from omniforge.synth.roundtrip import SAMPLE_RATE

Samples = npt.NDArray[np.float64]
Kind = Literal["speed", "room", "noise", "codec"]

_RANGES: dict[Kind, tuple[float, float]] = {"speed": (0.9, 1.1), "room": (0.2, 0.6), "noise": (5.0, 25.0), "codec": (0.0, 0.0)}
_VARIANTS: dict[Kind, tuple[str, ...]] = {
    "speed": (),
    "room": (),
    "noise": ("white", "pink", "babble"),
    "codec": ("telephone", "mp3", "ogg"),
}
_CEILING = 0.99
"""Where a peak ends up that noise or a room would have driven over full scale."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One thing that may happen to an utterance: to `share` of them, drawn by their seeds.

    `low` and `high` bound what is drawn evenly: the factor of `speed` (pitch moves along), the reverberation time of a `room`
    in seconds (energy down by 60 dB), the signal-to-noise ratio of `noise` in dB; a `codec` has none. `variants` are the kinds
    of noise (white, pink, babble) or the codecs (telephone, mp3, ogg) that are drawn from. What is None or empty takes the
    whole of what there is.
    """

    kind: Kind
    share: float
    low: float | None = None
    high: float | None = None
    variants: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"augmentation {self.kind}: share is {self.share}; it is a part of 1.")
        low, high = self.range
        if not low <= high or (low <= 0 and self.kind in ("speed", "room")):
            raise ValueError(f"augmentation {self.kind}: {low} to {high} is no range; give low and high, positive, in order.")
        if strangers := sorted(set(self.variants) - set(_VARIANTS[self.kind])):
            there = ", ".join(_VARIANTS[self.kind]) or "none"
            raise ValueError(f"augmentation {self.kind}: no variant {strangers[0]!r}; there are: {there}.")

    @property
    def range(self) -> tuple[float, float]:
        """What is drawn from."""
        low, high = _RANGES[self.kind]
        return (low if self.low is None else self.low), (high if self.high is None else self.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class AugmentConfig:
    """Which effects, on what; by default none.

    Answers, and the sentences of the task `spoken`, are speech that a model learns to produce: they stay clean unless they are
    named in `roles` and `tasks`.
    """

    effects: tuple[Effect, ...] = ()
    roles: tuple[Role, ...] = ("question", "speech")
    tasks: tuple[Task, ...] = ("svqa", "s2i")

    def __post_init__(self) -> None:
        kinds = [effect.kind for effect in self.effects]
        if repeated := {kind for kind in kinds if kinds.count(kind) > 1}:
            raise ValueError(f"augmentation: {sorted(repeated)[0]} stands there twice; give each kind one share and range.")


def augment(samples: npt.NDArray[np.float32], effects: Sequence[Effect], seed: int) -> tuple[npt.NDArray[np.float32], str]:
    """Change 16 kHz mono samples as the seed draws, and say how ("room 0.4 s; noise pink 15 dB"; empty: not at all).

    The order is that of a recording, whatever the order of `effects`: speed, room, noise, codec. What is drawn for one kind
    depends on the seed and that effect alone, so a further effect changes none of the others.
    """
    sound, said = samples.astype(np.float64), []
    for kind in _APPLY:
        for effect in effects:
            chance = np.random.default_rng([seed, *kind.encode()])
            if effect.kind == kind and chance.random() < effect.share:
                sound, words = _APPLY[kind](sound, effect, chance)
                said.append(words)
    if not said:
        return samples, ""
    peak = float(np.max(np.abs(sound), initial=0.0))
    return to_16_bit(sound * min(1.0, _CEILING / max(peak, _CEILING))), "; ".join(said)


def _speed(sound: Samples, effect: Effect, chance: np.random.Generator) -> tuple[Samples, str]:
    factor = round(chance.uniform(*effect.range), 2)
    return np.asarray(soxr.resample(sound, SAMPLE_RATE * factor, SAMPLE_RATE), np.float64), f"speed {factor:.2f}"


def _room(sound: Samples, effect: Effect, chance: np.random.Generator) -> tuple[Samples, str]:
    """Convolve with noise that dies away by 60 dB in the reverberation time, 6 dB below the direct sound in energy."""
    seconds = round(chance.uniform(*effect.range), 2)
    size = max(1, round(seconds * SAMPLE_RATE))
    tail = chance.standard_normal(size) * 10 ** (-3 * np.arange(size) / size)
    tail *= np.sqrt(0.25 / np.sum(tail**2))
    response = np.concatenate([[1.0], tail])
    return np.asarray(scipy.signal.fftconvolve(sound, response), np.float64), f"room {seconds:.2f} s"


def _noise(sound: Samples, effect: Effect, chance: np.random.Generator) -> tuple[Samples, str]:
    """Add noise so much below the mean level of what is louder than 40 dB under the peak, so that pauses count for nothing."""
    variant = str(chance.choice(effect.variants or _VARIANTS["noise"]))
    ratio = round(chance.uniform(*effect.range))
    noise = _NOISES[variant](sound.size, chance)
    loud = sound[np.abs(sound) > 0.01 * np.max(np.abs(sound), initial=0.0)]
    level = np.sqrt(np.mean(loud**2)) if loud.size else 0.0
    return sound + noise * (level * 10 ** (-ratio / 20) / np.sqrt(np.mean(noise**2))), f"noise {variant} {ratio} dB"


def _white(size: int, chance: np.random.Generator) -> Samples:
    return chance.standard_normal(size)


def _pink(size: int, chance: np.random.Generator) -> Samples:
    """Noise whose power falls by 3 dB an octave, above 20 Hz."""
    spectrum = np.fft.rfft(chance.standard_normal(size))
    frequencies = np.fft.rfftfreq(size, 1 / SAMPLE_RATE)
    return np.fft.irfft(spectrum / np.sqrt(np.maximum(frequencies, 20.0)), size)


def _babble(size: int, chance: np.random.Generator) -> Samples:
    """Six streams of noise with the spectrum of a voice (100 to 4,000 Hz, falling), each rising and falling like syllables."""
    voice = scipy.signal.butter(1, (100, 500), "bandpass", fs=SAMPLE_RATE, output="sos")
    syllables = scipy.signal.butter(2, 4, fs=SAMPLE_RATE, output="sos")
    total = np.zeros(size)
    for _ in range(6):
        envelope = np.maximum(scipy.signal.sosfilt(syllables, chance.standard_normal(size)), 0.0)
        total += envelope * scipy.signal.sosfilt(voice, chance.standard_normal(size))
    return total


_NOISES = {"white": _white, "pink": _pink, "babble": _babble}


def _codec(sound: Samples, effect: Effect, chance: np.random.Generator) -> tuple[Samples, str]:
    variant = str(chance.choice(effect.variants or _VARIANTS["codec"]))
    return (_telephone(sound) if variant == "telephone" else _compressed(sound, variant)), f"codec {variant}"


def _telephone(sound: Samples) -> Samples:
    """300 to 3,400 Hz at 8 kHz, and 8 bits by the mu-law (ITU-T G.711, without its segments)."""
    band = scipy.signal.butter(4, (300, 3400), "bandpass", fs=SAMPLE_RATE, output="sos")
    narrow = np.clip(soxr.resample(scipy.signal.sosfilt(band, sound), SAMPLE_RATE, 8000), -1.0, 1.0)
    curved = np.sign(narrow) * np.log1p(255 * np.abs(narrow)) / np.log(256)
    steps = np.round(curved * 127) / 127
    wide = np.sign(steps) * (256 ** np.abs(steps) - 1) / 255
    return np.asarray(soxr.resample(wide, 8000, SAMPLE_RATE), np.float64)


def _compressed(sound: Samples, variant: str) -> Samples:
    """Into MP3 or Ogg Vorbis at low quality, and back; nothing is longer or shorter for it."""
    file = io.BytesIO()
    forms = {"mp3": ("MP3", "MPEG_LAYER_III"), "ogg": ("OGG", "VORBIS")}
    form, subtype = forms[variant]
    soundfile.write(file, np.clip(sound, -1.0, 1.0), SAMPLE_RATE, format=form, subtype=subtype, compression_level=0.9)
    decoded, _ = soundfile.read(io.BytesIO(file.getvalue()), dtype="float64")
    return np.asarray(np.pad(decoded[: sound.size], (0, max(0, sound.size - decoded.size))))


_APPLY = {"speed": _speed, "room": _room, "noise": _noise, "codec": _codec}
