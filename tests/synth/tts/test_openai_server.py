import base64
import email
import io
import json
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import soundfile

from omniforge.synth.tts.engine import SpeechError
from omniforge.synth.tts.hibari import HibariEngine
from omniforge.synth.tts.openai_server import OpenAIServerEngine
from omniforge.synth.voices import Voice

ALLOY = Voice(name="alloy-low", engine="openai_server", speaker="alloy", pitch=0.9, formants=0.9, rate=1.1)


def wav(samples: np.ndarray, rate: int = 24000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


class SpeechServer(ThreadingHTTPServer):
    """An OpenAI-compatible speech server around the embedded engine, with replies that a test queues before the good one."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.engine = HibariEngine()
        self.requests: list[dict[str, object]] = []
        self.keys: list[str | None] = []
        self.queued: list[tuple[int, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: SpeechServer

    def do_POST(self) -> None:
        sent = self.rfile.read(int(self.headers["Content-Length"]))
        form = self.headers["Content-Type"].startswith("multipart/")
        body = self.form(sent) if form else json.loads(sent)
        self.server.requests.append(body | {"path": self.path})
        self.server.keys.append(self.headers.get("Authorization"))
        status, headers, data = self.server.queued.pop(0) if self.server.queued else (200, {}, self.say(body))
        self.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def form(self, sent: bytes) -> dict[str, object]:
        """Read a multipart form with the library that reads mail; files become (file name, type, content)."""
        message = email.message_from_bytes(b"Content-Type: " + self.headers["Content-Type"].encode() + b"\r\n\r\n" + sent)
        fields: dict[str, object] = {}
        for part in message.get_payload():
            name, file, data = (
                part.get_param("name", header="content-disposition"),
                part.get_filename(),
                part.get_payload(decode=True),
            )
            fields[name] = (file, part.get_content_type(), data) if file else data.decode()
        return fields

    def say(self, body: dict[str, object]) -> bytes:
        voice = Voice(name="any", engine="hibari", speaker="heart", rate=float(str(body["speed"])))
        wave = self.server.engine.speak(str(body["input"]), voice, 0)
        return wav(wave.samples, wave.rate)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(scope="module")
def running() -> Iterator[SpeechServer]:
    server = SpeechServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def server(running: SpeechServer) -> SpeechServer:
    running.requests.clear()
    running.keys.clear()
    running.queued.clear()
    return running


def test_a_text_comes_back_as_speech_with_pitch_and_rate_derived_here(server: SpeechServer) -> None:
    wave = OpenAIServerEngine(server.url, "small").speak("A red bus stops.", ALLOY, 1)
    assert wave.rate == round(24000 * 0.9)
    assert 0.8 < wave.seconds < 3
    assert server.requests == [
        {
            "model": "small",
            "input": "A red bus stops.",
            "voice": "alloy",
            "response_format": "wav",
            "speed": round(1.1 / 0.9, 4),
            "path": "/v1/audio/speech",
        }
    ]


def test_a_pitch_that_the_server_cannot_give_is_refused_with_what_to_do(server: SpeechServer) -> None:
    with pytest.raises(ValueError, match=r"give pitch .* the same number"):
        OpenAIServerEngine(server.url).speak("Hello.", Voice(name="v", engine="openai_server", speaker="alloy", pitch=0.9), 1)


def test_the_key_is_sent_and_is_not_in_the_fingerprint(server: SpeechServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPEECH_KEY", "sesame")
    engine = OpenAIServerEngine(server.url, key_variable="SPEECH_KEY")
    engine.speak("Hello.", ALLOY, 1)
    assert server.keys == ["Bearer sesame"]
    assert "sesame" not in engine.fingerprint


def test_a_busy_server_is_asked_again_after_the_pause_it_wishes(server: SpeechServer) -> None:
    server.queued = [(429, {"Retry-After": "7"}, b"slow down"), (500, {}, b"oops"), (503, {"Retry-After": "soon"}, b"")]
    pauses: list[float] = []
    OpenAIServerEngine(server.url, pause=pauses.append).speak("Hello.", ALLOY, 1)
    assert pauses == [7.0, 1.0, 2.0]
    assert len(server.requests) == 4


def test_a_server_that_stays_broken_is_a_retryable_error_after_bounded_tries(server: SpeechServer) -> None:
    server.queued = [(500, {}, b"broken")] * 9
    pauses: list[float] = []
    with pytest.raises(SpeechError, match="no answer after 3 tries, the last: HTTP 500: broken") as caught:
        OpenAIServerEngine(server.url, tries=3, pause=pauses.append).speak("Hello.", ALLOY, 1)
    assert caught.value.retryable
    assert len(server.requests) == 3
    assert len(pauses) == 2


def test_a_request_that_is_wrong_is_not_repeated(server: SpeechServer) -> None:
    server.queued = [(400, {}, b'{"error": "no such voice"}')]
    with pytest.raises(SpeechError, match="no such voice") as caught:
        OpenAIServerEngine(server.url).speak("Hello.", ALLOY, 1)
    assert not caught.value.retryable
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "complaint"),
    [(b"", "is no sound"), (b"<html>hello</html>", "is no sound"), (b"RIFF\x00\x00\x00\x00WAVE", "is no sound")],
)
def test_a_reply_that_is_no_sound_says_so(server: SpeechServer, reply: bytes, complaint: str) -> None:
    server.queued = [(200, {"Content-Type": "audio/wav"}, reply)]
    with pytest.raises(SpeechError, match=complaint):
        OpenAIServerEngine(server.url).speak("Hello.", ALLOY, 1)


@pytest.mark.parametrize(("samples", "complaint"), [(np.zeros(0), "0 samples"), (np.full(100, np.nan), "not all finite")])
def test_a_sound_without_usable_samples_says_so(server: SpeechServer, samples: np.ndarray, complaint: str) -> None:
    file = io.BytesIO()
    soundfile.write(file, samples, 24000, format="WAV", subtype="FLOAT")
    server.queued = [(200, {}, file.getvalue())]
    with pytest.raises(SpeechError, match=complaint):
        OpenAIServerEngine(server.url).speak("Hello.", ALLOY, 1)


def test_a_reply_cut_off_on_the_way_is_asked_for_again(server: SpeechServer) -> None:
    server.queued = [(200, {"Content-Length": "100000"}, b"RIFF")]
    pauses: list[float] = []
    assert OpenAIServerEngine(server.url, timeout=5.0, pause=pauses.append).speak("Hello.", ALLOY, 1).seconds > 0.3
    assert pauses == [0.5]


def test_a_file_shorter_than_its_header_says_is_asked_for_again(server: SpeechServer) -> None:
    whole = wav(np.zeros(24000, np.float32))
    server.queued = [(200, {}, whole[:20000])]
    pauses: list[float] = []
    assert OpenAIServerEngine(server.url, pause=pauses.append).speak("Hello.", ALLOY, 1).seconds > 0.3
    assert pauses == [0.5]


def test_a_streamed_file_without_a_length_in_its_header_is_read(server: SpeechServer) -> None:
    whole = wav(np.full(2400, 0.5, np.float32))
    place = whole.index(b"data") + 4
    server.queued = [(200, {}, whole[:4] + b"\xff" * 4 + whole[8:place] + b"\xff" * 4 + whole[place + 4 :])]
    assert OpenAIServerEngine(server.url).speak("Hello.", ALLOY, 1).samples.size == 2400


@pytest.mark.parametrize("rate", [100, 1_000_000])
def test_a_rate_that_no_speech_has_says_so(server: SpeechServer, rate: int) -> None:
    server.queued = [(200, {}, wav(np.full(2400, 0.5, np.float32), rate))]
    with pytest.raises(SpeechError, match=f"claims {rate} samples a second"):
        OpenAIServerEngine(server.url).speak("Hello.", ALLOY, 1)


def test_an_error_that_comes_as_a_success_is_quoted(server: SpeechServer) -> None:
    server.queued = [(200, {"Content-Type": "application/json"}, b'{"error": "no such model"}')]
    with pytest.raises(SpeechError, match="no such model"):
        OpenAIServerEngine(server.url).speak("Hello.", ALLOY, 1)


@pytest.fixture
def cloned(tmp_path: Path) -> Voice:
    clip = tmp_path / "me.wav"
    clip.write_bytes(wav(np.full(800, 0.25, np.float32)))
    return Voice(name="me", engine="openai_server", speaker="", reference=str(clip), reference_text="Good morning.")


def test_a_reference_clip_is_sent_as_a_data_url_with_its_words(server: SpeechServer, cloned: Voice) -> None:
    assert OpenAIServerEngine(server.url, extra='{"task_type": "Base"}').speak("Hello.", cloned, 1).seconds > 0.3
    (request,) = server.requests
    head, data = str(request["ref_audio"]).split(",")
    assert head == "data:audio/x-wav;base64"
    assert base64.b64decode(data) == Path(cloned.reference or "").read_bytes()
    assert (request["ref_text"], request["task_type"]) == ("Good morning.", "Base")


@pytest.mark.parametrize("form", ["base64", "path"])
def test_a_reference_clip_goes_where_the_options_say(server: SpeechServer, cloned: Voice, form: str) -> None:
    fields = {"reference_field": "references.0.audio", "reference_text_field": "references.0.text"}
    OpenAIServerEngine(server.url, reference_form=form, **fields).speak("Hello.", cloned, 1)
    clip = Path(cloned.reference or "")
    sent = {"path": str(clip), "base64": base64.b64encode(clip.read_bytes()).decode()}[form]
    assert server.requests[0]["references"] == [{"text": "Good morning.", "audio": sent}]


def test_what_one_voice_sends_does_not_go_out_with_the_next(server: SpeechServer, cloned: Voice) -> None:
    places = {"reference_field": "references.0.audio", "reference_text_field": "references.0.text"}
    engine = OpenAIServerEngine(server.url, extra='{"references": [{"weight": 1}]}', **places)
    before = engine.fingerprint
    engine.speak("Hello.", cloned, 1)
    engine.speak("Hello.", ALLOY, 1)
    assert server.requests[0]["references"][0].keys() == {"weight", "audio", "text"}
    assert server.requests[1]["references"] == [{"weight": 1}]
    assert engine.fingerprint == before


@pytest.mark.parametrize(
    ("field", "extra"),
    [("references.1.audio", "{}"), ("references.first", '{"references": []}'), ("model.audio", "{}")],
)
def test_a_place_that_no_request_has_is_refused_at_once(field: str, extra: str) -> None:
    with pytest.raises(ValueError, match=f"there is no place '{field}' for a reference clip"):
        OpenAIServerEngine("http://127.0.0.1:1", reference_field=field, extra=extra)


def test_a_clip_takes_a_place_of_a_list_behind_those_there_are(server: SpeechServer, cloned: Voice) -> None:
    engine = OpenAIServerEngine(server.url, reference_form="path", reference_field="clips.1", extra='{"clips": ["first.wav"]}')
    engine.speak("Hello.", cloned, 1)
    assert server.requests[0]["clips"] == ["first.wav", cloned.reference]


def test_a_reference_clip_is_uploaded_as_the_file_of_a_form(server: SpeechServer, cloned: Voice) -> None:
    assert OpenAIServerEngine(server.url, reference_form="file").speak("Grüße.", cloned, 1).seconds > 0.3
    (request,) = server.requests
    assert request["ref_audio"] == ("me.wav", "audio/x-wav", Path(cloned.reference or "").read_bytes())
    assert (request["input"], request["ref_text"], request["speed"]) == ("Grüße.", "Good morning.", "1.0")


def test_a_form_has_its_fields_as_json_and_a_file_name_that_ends_no_header(
    server: SpeechServer, cloned: Voice, tmp_path: Path
) -> None:
    clip = tmp_path / 'me"; x="1\r\nX-Sly: 1.wav'
    clip.write_bytes(Path(cloned.reference or "").read_bytes())
    engine = OpenAIServerEngine(server.url, reference_form="file", extra='{"stream": false, "style": {"mood": null}}')
    engine.speak("Hello.", replace(cloned, reference=str(clip)), 1)
    (request,) = server.requests
    assert (request["stream"], request["style"], request["input"]) == ("false", '{"mood": null}', "Hello.")
    assert request["ref_audio"][0] == "me%22; x=%221%0D%0AX-Sly: 1.wav"


def test_a_reference_clip_that_is_not_there_is_named(server: SpeechServer) -> None:
    voice = Voice(name="me", engine="openai_server", speaker="", reference="/nowhere/me.wav")
    with pytest.raises(ValueError, match=r"voice 'me': its reference clip '/nowhere/me\.wav' cannot be read"):
        OpenAIServerEngine(server.url).speak("Hello.", voice, 1)
    assert server.requests == []


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"reference_form": "tape"}, "'tape' is none of data_url"),
        ({"extra": "{"}, "is no JSON"),
        ({"extra": "[1]"}, "no JSON object"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        OpenAIServerEngine("http://127.0.0.1:1", **options)


def test_a_server_that_is_silent_times_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        engine = OpenAIServerEngine(f"http://127.0.0.1:{mute.getsockname()[1]}", timeout=0.05, tries=2, pause=lambda _: None)
        with pytest.raises(SpeechError, match="after 2 tries, the last: TimeoutError"):
            engine.speak("Hello.", ALLOY, 1)


def test_nobody_listening_is_a_retryable_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(SpeechError, match="Connection refused") as caught:
        OpenAIServerEngine(f"http://127.0.0.1:{port}", tries=1).speak("Hello.", ALLOY, 1)
    assert caught.value.retryable


def test_an_address_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="give an address like"):
        OpenAIServerEngine("file:///etc/passwd")
