"""Whether the words of a transcript fit in the time of a recording: finds what decodes well but was cut or mixed up."""

from dataclasses import dataclass

from omniforge.pipeline.filters.problem import Problem
from omniforge.pipeline.filters.transcript import spoken_words

_IDEOGRAPH_LETTERS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceConfig:
    """Limits of speed.

    Letters measure speech better than words, whose length differs. People read at 12 to 16 letters a second and are hard to
    follow from 20 on. `grace` seconds are given on top, since one trimmed word has no pauses: "three" takes 0.2 s. From
    `slow_from` seconds on, a recording of fewer than `min_words_per_second` holds more than its transcript says.
    """

    max_letters_per_second: float = 20.0
    grace: float = 0.1
    min_words_per_second: float = 0.1
    slow_from: float = 20.0


def words_per_second(transcript: str, seconds: float, language: str = "en") -> float:
    """Words of the transcript as spoken, over the length of the recording."""
    return len(spoken_words(transcript, language)) / seconds


def pace_problem(transcript: str, seconds: float, config: PaceConfig, language: str = "en") -> Problem | None:
    """Say whether nobody can have spoken the transcript in this time.

    Args:
        transcript: what is said to be spoken.
        seconds: length of the recording, silence at the ends cut.
        config: the limits.
        language: of the transcript, for the words of numbers.

    Returns:
        A `transcript_mismatch`, or None.
    """
    words = spoken_words(transcript, language)
    letters = sum(_IDEOGRAPH_LETTERS if "\u3040" <= c <= "\u9fff" else 1.0 for word in words for c in word)
    needed = letters / config.max_letters_per_second - config.grace
    evidence = transcript.encode("utf-8", "backslashreplace")
    if seconds < needed:
        return Problem(
            "transcript_mismatch", f"{len(words)} words in {seconds:.2f} s; at least {needed:.2f} s are needed", evidence
        )
    if seconds >= config.slow_from and len(words) < config.min_words_per_second * seconds:
        return Problem("transcript_mismatch", f"only {len(words)} words for {seconds:.1f} s of sound", evidence)
    return None
