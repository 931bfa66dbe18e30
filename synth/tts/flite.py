"""flite, from the system's packages: three recorded speakers and a diphone one, a process for each text."""

import shutil
import subprocess
import tempfile
import unicodedata
from pathlib import Path

import numpy as np
import soundfile

from omniforge.synth.tts.engine import SpeechError, Waveform, check_voice, native_speed, shift_formants
from omniforge.synth.voices import Voice

SPEAKERS = ("awb", "kal16", "rms", "slt")
"""Its English speakers: awb (male, Scottish), rms and kal16 (male) and slt (female), American."""

_TIMEOUT = 120.0
_PLAIN = str.maketrans({"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "..."})


class FliteEngine:
    """Speaks through the `flite` program, which gives the same samples for the same text and voice; a seed changes nothing."""

    deterministic = True

    def __init__(self, program: str = "flite") -> None:
        """Find the program and ask its version.

        Raises:
            ValueError: it is not installed, or does not say its version.
        """
        found = shutil.which(program)
        if not found:
            raise ValueError(
                f"speech engine flite: there is no program {program!r}; install it (Debian: apt-get install flite)."
            )
        self._program = found
        self.fingerprint = _version(found)

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Say a text; letters with accents are said as those without.

        Raises:
            SpeechError: the program failed, gave no sound file, or took too long (retryable).
            ValueError: flite has no such speaker, or the voice asks for more than another speed of playing.
        """
        if voice.speaker not in SPEAKERS:
            raise ValueError(f"voice {voice.name}: flite has the speakers {', '.join(SPEAKERS)}, not {voice.speaker!r}.")
        check_voice(voice, "flite")
        said = unicodedata.normalize("NFKD", text.translate(_PLAIN)).encode("ascii", "ignore").decode()
        if not any(letter.isalnum() for letter in said):
            return shift_formants(np.zeros(0, np.float32), 16_000, voice)
        with tempfile.TemporaryDirectory() as folder:
            written, sound = Path(folder, "text"), Path(folder, "sound.wav")
            written.write_text(said)
            stretch = f"duration_stretch={1 / native_speed(voice):.4f}"
            command = [self._program, "-voice", voice.speaker, "--setf", stretch, "-f", str(written), "-o", str(sound)]
            try:
                subprocess.run(command, capture_output=True, check=True, timeout=_TIMEOUT)
                samples, rate = soundfile.read(sound, dtype="float32")
            except subprocess.TimeoutExpired as error:
                raise SpeechError(f"flite took more than {_TIMEOUT:g} s for {said[:80]!r}", retryable=True) from error
            except (subprocess.SubprocessError, soundfile.LibsndfileError) as error:
                raise SpeechError(f"flite cannot say {said[:80]!r}: {error}") from error
        return shift_formants(samples, int(rate), voice)


def _version(program: str) -> str:
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    line = next((line.strip() for line in said.stdout.splitlines() if "version: flite" in line), "")
    if not line:
        raise ValueError(f"speech engine flite: {program} --version says {said.stdout[:80]!r} and no version of flite.")
    return line
