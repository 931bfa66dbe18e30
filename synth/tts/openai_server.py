"""Any server with the OpenAI speech interface (`POST /v1/audio/speech`): the way to large and voice-cloning models."""

import http.client
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import soundfile

from omniforge.synth.tts.engine import SpeechError, Waveform, check_derivation, native_speed, shift_formants
from omniforge.synth.voices import Voice

_LONGEST_REPLY = 64 * 1024 * 1024
_LONGEST_PAUSE = 30.0
_RETRIED = frozenset({408, 409, 429, 500, 502, 503, 504})


class OpenAIServerEngine:
    """Speaks through a server; `speaker` of a voice is the server's voice name, pitch and rate are derived here.

    The fingerprint holds the address, the model and the options, never the key. What the server answers is not ours to
    promise, so it is not called deterministic.
    """

    deterministic = False

    def __init__(
        self,
        url: str,
        model: str = "tts-1",
        *,
        key_variable: str = "OPENAI_API_KEY",
        timeout: float = 60.0,
        tries: int = 4,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Remember the server; nothing is sent before the first text.

        Args:
            url: address up to and without `/v1`, http or https.
            model: name of the model on the server.
            key_variable: environment variable that holds the key, if the server wants one.
            timeout: seconds to wait for a connection and for each part of a reply.
            tries: how often a request is sent at most.
            pause: waits between tries, given seconds.

        Raises:
            ValueError: the address is no http(s) address.
        """
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ValueError(f"speech server {url!r}: give an address like http://host:8000 (without /v1).")
        self._url = url.rstrip("/") + "/v1/audio/speech"
        self._model, self._key_variable = model, key_variable
        self._timeout, self._tries, self._pause = timeout, tries, pause
        self.fingerprint = f"openai_server {self._url} {model} wav"

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Have the server say a text; `seed` is not part of the interface and not sent.

        Raises:
            SpeechError: refused, out of reach after all tries (retryable), or the reply is no sound.
        """
        check_derivation(voice, "openai_server")
        body = {
            "model": self._model,
            "input": text,
            "voice": voice.speaker,
            "response_format": "wav",
            "speed": round(native_speed(voice), 4),
        }
        samples, rate = _decode(self._post(json.dumps(body).encode()), self._url)
        return shift_formants(samples, rate, voice)

    def _post(self, body: bytes) -> bytes:
        problem = ""
        for attempt in range(self._tries):
            wait = min(0.5 * 2**attempt, _LONGEST_PAUSE)
            try:
                return self._send(body)
            except urllib.error.HTTPError as error:
                problem = f"HTTP {error.code}: {error.read(300).decode(errors='replace')}"
                if error.code not in _RETRIED:
                    raise SpeechError(f"{self._url}: {problem}") from error
                wait = _retry_after(error.headers.get("Retry-After"), wait)
            except (OSError, http.client.HTTPException) as error:
                problem = f"{type(error).__name__}: {error}"
            if attempt + 1 < self._tries:
                self._pause(wait)
        raise SpeechError(f"{self._url}: no answer after {self._tries} tries, the last: {problem}", retryable=True)

    def _send(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get(self._key_variable):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=self._timeout) as reply:
            data: bytes = reply.read(_LONGEST_REPLY + 1)
            missing = reply.length or 0
        if len(data) > _LONGEST_REPLY:
            raise SpeechError(f"{self._url}: the reply is longer than {_LONGEST_REPLY} bytes.")
        if missing:
            raise http.client.IncompleteRead(data, missing)
        return data


def _retry_after(header: str | None, otherwise: float) -> float:
    """Seconds that the server asks for, within reason; a date or nonsense is ignored."""
    return min(float(header), _LONGEST_PAUSE) if header and header.isdecimal() else otherwise


def _decode(data: bytes, url: str) -> tuple[npt.NDArray[np.float32], int]:
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SpeechError(f"{url}: the reply ({len(data)} bytes, {data[:16]!r}) is no sound: {error}") from error
    mono = samples.mean(axis=1, dtype=np.float32)
    if not mono.size or not np.isfinite(mono).all():
        raise SpeechError(f"{url}: the reply holds {mono.size} samples" + (", not all finite." if mono.size else "."))
    return mono, int(rate)
