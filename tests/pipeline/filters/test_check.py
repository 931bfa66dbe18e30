import dataclasses
import io

import numpy as np
import pytest
import soundfile
from PIL import Image

from omniforge.pipeline.filters import check as module
from omniforge.pipeline.filters.check import CheckConfig, check
from omniforge.pipeline.filters.text import TextConfig
from omniforge.schemas.index import MEASURES
from omniforge.schemas.quarantine import REASONS
from omniforge.schemas.record import EVIDENCE_BYTES, Message, RawMedia, Record, Refusal, SourceRecord, record_key

CONFIG = CheckConfig()


def picture(role="image"):
    y, x = np.mgrid[:64, :96]
    buffer = io.BytesIO()
    Image.fromarray(np.stack([x * 2, y * 3, x + y], -1).astype(np.uint8)).save(buffer, "PNG")
    return RawMedia(role, f"{role}.png", buffer.getvalue())


def sound(role="speech", seconds=1.0):
    t = np.arange(int(seconds * 8_000)) / 8_000
    buffer = io.BytesIO()
    soundfile.write(buffer, 0.3 * np.sin(2 * np.pi * 220 * t), 8_000, format="WAV", subtype="PCM_16")
    return RawMedia(role, f"{role}.wav", buffer.getvalue())


def record(**fields):
    return SourceRecord(source_uri="file.tsv#row 1", **fields)


def run(config=CONFIG, **fields):
    return check(record(**fields), corpus="toy", config=config)


def test_a_caption_is_kept_with_its_key_and_its_repairs():
    outcome = run(kind="caption", text="a\u00a0cube", media=(picture(),), license="CC0", speaker="s", repairs=("wrong_type",))
    assert isinstance(outcome, Record)
    assert outcome.key == record_key("toy", "file.tsv#row 1")
    assert (outcome.text, outcome.repairs) == ("a cube", ("wrong_type", "odd_whitespace"))
    assert (outcome.license, outcome.speaker, outcome.corpus) == ("CC0", "s", "toy")
    assert outcome.media[0].format == "png"


def test_a_recording_brings_its_measures():
    outcome = run(kind="asr", text="one two three", media=(sound(),))
    assert isinstance(outcome, Record)
    assert outcome.measures["words_per_second"] == pytest.approx(3.0)
    assert outcome.measures["peak_db"] == pytest.approx(-10.5, abs=0.2)
    assert set(outcome.measures) <= set(MEASURES)


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"kind": "caption", "text": None, "media": (picture(),)}, "missing_caption"),
        ({"kind": "caption", "text": "a cube"}, "missing_image"),
        ({"kind": "caption", "text": "", "media": (picture(),)}, "empty_caption"),
        ({"kind": "vqa", "question": "What?", "media": (picture(),)}, "missing_answer"),
        ({"kind": "vqa", "answer": "a cube", "media": (picture(),)}, "missing_question"),
        ({"kind": "vqa", "question": "<|im_end|>", "answer": "a", "media": (picture(),)}, "special_tokens_in_text"),
        ({"kind": "asr", "text": "one"}, "missing_media"),
        ({"kind": "asr", "media": (sound(),)}, "missing_transcript"),
        (
            {"kind": "asr", "text": "nine hundred and ninety nine thousand", "media": (sound(seconds=0.3),)},
            "transcript_mismatch",
        ),
        ({"kind": "asr", "text": "one", "media": (RawMedia("speech", "a.wav", b""),)}, "empty_media"),
        ({"kind": "prompt"}, "empty_prompt"),
        ({"kind": "chat"}, "empty_messages"),
        ({"kind": "chat", "messages": (Message("user", ""), Message("assistant", "b"))}, "empty_prompt"),
        ({"kind": "chat", "messages": (Message("user", "a"), Message("assistant", ""))}, "missing_answer"),
        ({"kind": "s2i", "media": (picture(),)}, "missing_media"),
        ({"kind": "s2i", "media": (sound(),)}, "missing_image"),
    ],
)
def test_refused_with_its_reason(fields, reason):
    outcome = run(**fields)
    assert isinstance(outcome, Refusal)
    assert (outcome.reason, outcome.outcome, outcome.retryable) == (reason, "refused", False)
    assert outcome.reason in REASONS
    assert outcome.key == record_key("toy", "file.tsv#row 1")
    assert outcome.detail


def test_tags_and_media_of_a_conversation_match_after_cleaning():
    turns = (Message("user", "<|image|>\nand <|audio|>"), Message("assistant", "yes"))
    assert isinstance(run(kind="chat", messages=turns, media=(picture(), sound())), Record)
    made = (Message("user", "<|image|>\nand <|ima\u200bge|>"), Message("assistant", "yes"))
    outcome = run(kind="chat", messages=made, media=(picture(),))
    assert isinstance(outcome, Refusal)
    assert outcome.reason == "tag_count_mismatch"


def test_a_short_answer_in_a_conversation_is_kept():
    turns = (Message("user", "2+2?"), Message("assistant", "4"))
    assert isinstance(run(kind="chat", messages=turns), Record)


def test_evidence_is_the_offending_bytes_and_at_most_a_kibibyte():
    outcome = run(kind="caption", text="a cube", media=(RawMedia("image", "a.jpg", b"<html>" + b"x" * 5_000),))
    assert isinstance(outcome, Refusal)
    assert outcome.evidence.startswith(b"<html>")
    assert len(outcome.evidence) == EVIDENCE_BYTES
    outcome = run(kind="prompt", text="lone \ud83d here")
    assert isinstance(outcome, Refusal)
    assert (outcome.reason, outcome.evidence) == ("invalid_unicode", b"lone \\ud83d here")


@pytest.mark.parametrize(("error", "retryable"), [(KeyError("x"), False), (OSError("disk"), True), (MemoryError(), True)])
def test_an_exception_that_no_rule_foresaw_fails_the_record_and_nothing_else(monkeypatch, error, retryable):
    def broken(draft, config):
        raise error

    monkeypatch.setattr(module, "BLOCKS", (broken,))
    outcome = run(kind="prompt", text="a cube")
    assert isinstance(outcome, Refusal)
    assert (outcome.outcome, outcome.reason, outcome.retryable) == ("failed", "exception", retryable)
    assert outcome.detail.startswith(type(error).__name__)
    assert outcome.evidence == b"a cube"


def test_the_fingerprint_is_stable_and_changes_with_every_limit():
    assert CheckConfig().fingerprint() == CONFIG.fingerprint()
    seen = {CONFIG.fingerprint()}
    for section in dataclasses.fields(CONFIG):
        part = getattr(CONFIG, section.name)
        for limit in dataclasses.fields(part):
            value = getattr(part, limit.name)
            other = frozenset({"de"}) if isinstance(value, frozenset) else value - 1
            changed = dataclasses.replace(CONFIG, **{section.name: dataclasses.replace(part, **{limit.name: other})})
            seen.add(changed.fingerprint())
    assert len(seen) == 1 + sum(len(dataclasses.fields(getattr(CONFIG, s.name))) for s in dataclasses.fields(CONFIG))


def test_the_order_of_a_set_of_languages_does_not_matter_to_the_fingerprint():
    one = CheckConfig(text=TextConfig(languages=frozenset(["en", "de", "fr"])))
    other = CheckConfig(text=TextConfig(languages=frozenset(["fr", "en", "de"])))
    assert one.fingerprint() == other.fingerprint()
