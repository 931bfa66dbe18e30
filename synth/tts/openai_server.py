"""Any server with the OpenAI speech interface (`POST /v1/audio/speech`): the way to large and voice-cloning models."""

import http.client
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any, cast
from urllib.parse import urlsplit

import numpy as np
import numpy.typing as npt
import soundfile

from omniforge.synth.tts.engine import SpeechError, Waveform, check_voice, native_speed, shift_formants
from omniforge.synth.tts.openai_request import REFERENCE_FORMS, ReferenceFields, ReferenceForm, check_reference, encode_request
from omniforge.synth.voices import Voice

_LONGEST_REPLY = 64 * 1024 * 1024
_LONGEST_PAUSE = 30.0
_RATES = range(6_000, 192_001)
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
        reference_field: str = "ref_audio",
        reference_text_field: str = "ref_text",
        reference_form: str = "data_url",
        extra: str = "{}",
        timeout: float = 60.0,
        tries: int = 4,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        """Remember the server; nothing is sent before the first text.

        Args:
            url: address up to and without `/v1`, http or https.
            model: name of the model on the server.
            key_variable: environment variable that holds the key, if the server wants one.
            reference_field: where a voice's reference clip goes, if it has one; see `ReferenceFields`.
            reference_text_field: where what is said in that clip goes.
            reference_form: "data_url", "base64", "path" or "file".
            extra: further fields of every request, as a JSON object.
            timeout: seconds to wait for a connection and for each part of a reply.
            tries: how often a request is sent at most.
            pause: waits between tries, given seconds.

        Raises:
            ValueError: the address is no http(s) address, there is no such form, `extra` is no JSON object, or a reference
                field has no place in a request.
        """
        if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).netloc:
            raise ValueError(f"speech server {url!r}: give an address like http://host:8000 (without /v1).")
        if reference_form not in REFERENCE_FORMS:
            raise ValueError(f"speech server: reference_form {reference_form!r} is none of {', '.join(REFERENCE_FORMS)}.")
        self._reference = ReferenceFields(
            audio=reference_field, text=reference_text_field, form=cast("ReferenceForm", reference_form)
        )
        self._extra = _object(extra)
        self._url = url.rstrip("/") + "/v1/audio/speech"
        self._model, self._key_variable = model, key_variable
        check_reference(self._fields("", "", 1.0), self._reference)
        self._timeout, self._tries, self._pause = timeout, tries, pause
        self.fingerprint = f"openai_server {self._url} {model} wav {json.dumps(self._extra, sort_keys=True)} {self._reference}"

    def speak(self, text: str, voice: Voice, seed: int) -> Waveform:
        """Have the server say a text; `seed` is not part of the interface and not sent.

        Raises:
            SpeechError: refused, out of reach after all tries (retryable), or the reply is no sound.
            ValueError: the voice asks for pitch without formants, or its reference clip cannot be read.
        """
        check_voice(voice, "openai_server", clones=True)
        fields = self._fields(text, voice.speaker, native_speed(voice))
        samples, rate = _decode(self._post(*encode_request(fields, voice, self._reference)), self._url)
        return shift_formants(samples, rate, voice)

    def _fields(self, text: str, speaker: str, speed: float) -> dict[str, Any]:
        request = {"model": self._model, "input": text, "voice": speaker, "response_format": "wav", "speed": round(speed, 4)}
        return request | self._extra

    def _post(self, body: bytes, kind: str) -> bytes:
        problem = ""
        for attempt in range(self._tries):
            wait = min(0.5 * 2**attempt, _LONGEST_PAUSE)
            try:
                return self._send(body, kind)
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

    def _send(self, body: bytes, kind: str) -> bytes:
        headers = {"Content-Type": kind}
        if key := os.environ.get(self._key_variable):
            headers["Authorization"] = f"Bearer {key}"
        request = urllib.request.Request(self._url, data=body, headers=headers, method="POST")
        with urllib.request.urlopen(request, timeout=self._timeout) as reply:
            data: bytes = reply.read(_LONGEST_REPLY + 1)
            missing = reply.length or _missing(data)
        if len(data) > _LONGEST_REPLY:
            raise SpeechError(f"{self._url}: the reply is longer than {_LONGEST_REPLY} bytes.")
        if missing:
            raise http.client.IncompleteRead(data, missing)
        return data


def _object(extra: str) -> dict[str, Any]:
    try:
        fields = json.loads(extra)
    except json.JSONDecodeError as error:
        raise ValueError(f"speech server: extra {extra!r} is no JSON: {error}.") from error
    if not isinstance(fields, dict):
        raise ValueError(f"speech server: extra {extra!r} is no JSON object.")
    return fields


def _missing(data: bytes) -> int:
    """How many bytes a WAV file lacks of what its header announces; a server that streams announces an absurd number."""
    place = 12
    while data[:4] == b"RIFF" and place + 8 <= len(data):
        name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
        if name == b"data":
            return 0 if size > _LONGEST_REPLY else max(0, place + 8 + size - len(data))
        place += 8 + size + size % 2
    return 0


def _retry_after(header: str | None, otherwise: float) -> float:
    """Seconds that the server asks for, within reason; a date or nonsense is ignored."""
    return min(float(header), _LONGEST_PAUSE) if header and header.isdecimal() else otherwise


def _decode(data: bytes, url: str) -> tuple[npt.NDArray[np.float32], int]:
    try:
        samples, rate = soundfile.read(io.BytesIO(data), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise SpeechError(f"{url}: the reply ({len(data)} bytes, {data[:60]!r}) is no sound: {error}") from error
    if rate not in _RATES:
        raise SpeechError(f"{url}: the reply claims {rate} samples a second; {_RATES.start} to {_RATES.stop - 1} are believed.")
    mono = samples.mean(axis=1, dtype=np.float32)
    if not mono.size or not np.isfinite(mono).all():
        raise SpeechError(f"{url}: the reply holds {mono.size} samples" + (", not all finite." if mono.size else "."))
    return mono, int(rate)
