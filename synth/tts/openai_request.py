"""The body of a request for speech, with a reference clip in the form that a cloning server takes."""

import base64
import hashlib
import json
import mimetypes
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from omniforge.synth.voices import Voice

ReferenceForm = Literal["data_url", "base64", "path", "file"]
REFERENCE_FORMS = ("data_url", "base64", "path", "file")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceFields:
    """Where a clip and its words go: dotted paths into the JSON body, numbers meaning places in a list.

    vLLM-Omni takes `ref_audio` and `ref_text`, hosted CosyVoice takes `references.0.audio` and `references.0.text`.
    The clip travels as a data URL, as bare base64, as a path that the server can read, or as the file of a multipart form, all
    other fields then being form fields.
    """

    audio: str
    text: str
    form: ReferenceForm


def encode_request(fields: Mapping[str, Any], voice: Voice, reference: ReferenceFields) -> tuple[bytes, str]:
    """Return the body and its content type.

    Raises:
        ValueError: the voice's reference clip cannot be read.
    """
    body = deepcopy(dict(fields))
    if voice.reference is None:
        return json.dumps(body).encode(), "application/json"
    if voice.reference_text is not None:
        _put(body, reference.text, voice.reference_text)
    clip = b"" if reference.form == "path" else _read(voice)
    kind = mimetypes.guess_type(voice.reference)[0] or "application/octet-stream"
    if reference.form == "file":
        return _multipart(body, reference.audio, Path(voice.reference).name, kind, clip)
    written = base64.b64encode(clip).decode()
    forms = {"path": voice.reference, "base64": written, "data_url": f"data:{kind};base64,{written}"}
    _put(body, reference.audio, forms[reference.form])
    return json.dumps(body).encode(), "application/json"


def _read(voice: Voice) -> bytes:
    assert voice.reference is not None
    try:
        return Path(voice.reference).read_bytes()
    except OSError as error:
        raise ValueError(f"voice {voice.name!r}: its reference clip {voice.reference!r} cannot be read: {error}") from error


def check_reference(fields: Mapping[str, Any], reference: ReferenceFields) -> None:
    """Refuse places for a clip and its words that requests with these fields do not have.

    Raises:
        ValueError: a path leads through a text or a number, names a place of a list by a word, or leaves those before it out.
    """
    body = deepcopy(dict(fields))
    for path in (reference.text,) if reference.form == "file" else (reference.text, reference.audio):
        try:
            _put(body, path, "")
        except (LookupError, TypeError, ValueError) as error:
            raise ValueError(
                f"speech server: there is no place {path!r} for a reference clip or its words in a request with the fields "
                f"{json.dumps(body)}: {error}; count places of a list from 0, or let extra have those before."
            ) from error


def _put(body: dict[str, Any], path: str, value: object) -> None:
    """Set what lies at a dotted path, making what is missing on the way.

    >>> body = {}; _put(body, "references.0.text", "hello"); body
    {'references': [{'text': 'hello'}]}
    """
    here: Any = body
    steps = path.split(".")
    for step, following in zip(steps, [*steps[1:], ""], strict=True):
        missing: Any = value if not following else [] if following.isdecimal() else {}
        place: Any = int(step) if isinstance(here, list) else step
        if not isinstance(here, list | dict):
            raise TypeError(f"{here!r} has no {step!r}")
        if isinstance(here, list) and place == len(here):
            here.append(missing)
        elif not following or (isinstance(here, dict) and place not in here):
            here[place] = missing
        here = here[place]


def _multipart(fields: Mapping[str, Any], name: str, file_name: str, kind: str, data: bytes) -> tuple[bytes, str]:
    """A form with a file behind its fields: strings as they are, all else as JSON."""
    boundary = hashlib.sha256(data).hexdigest()[:32]
    parts = [
        f"--{boundary}\r\nContent-Disposition: form-data; name={_quoted(field)}\r\n\r\n"
        f"{value if isinstance(value, str) else json.dumps(value)}\r\n".encode()
        for field, value in fields.items()
    ]
    disposition = f"Content-Disposition: form-data; name={_quoted(name)}; filename={_quoted(file_name)}"
    parts.append(f"--{boundary}\r\n{disposition}\r\nContent-Type: {kind}\r\n\r\n".encode() + data + b"\r\n")
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), f"multipart/form-data; boundary={boundary}"


def _quoted(name: str) -> str:
    """A name in quotes, with what would end it or its line written as browsers write it (HTML, multipart/form-data)."""
    return '"' + name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A") + '"'
