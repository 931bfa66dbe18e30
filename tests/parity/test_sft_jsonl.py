"""Fine-tuning lines as ids and labels against the reference's, before masking (SPEC.md sections 1, 3 and 9).

The published text tokenizer is not part of a parity set. A stand-in reads the ids of each text from the expected sequence,
so order, tags, codes, control tokens and supervision are compared; splitting text into ids is not.
"""

import json
from typing import Any

import numpy as np
import pytest
from reference_data import parity_folder
from safetensors.numpy import load_file

from omniforge.schemas.record import Message
from omniforge.tokenizers.chat import Sample, SpeechCodes, SpeechFeatures, lay_out
from omniforge.tokenizers.vocabulary import PRODUCTION, Vocabulary

FOLDER = parity_folder("sft_jsonl")

EXPECTED = load_file(FOLDER / "processed.safetensors")
INFO: dict[str, dict[str, int]] = json.loads((FOLDER / "config.json").read_text())["info"]
VOCABULARY = Vocabulary(PRODUCTION)
IGNORED = -100
USER_CODES, OTHER_CODES, SPEECH_CODES, FRAMES = 1024, 256, 9, 23  # of the stub media, from the note in config.json
ROLES = {"human": "user", "gpt": "assistant"}


class ReadText:
    """Encodes exactly the pieces it was given, by the ids it was given."""

    size = PRODUCTION.text_size

    def __init__(self, pieces: dict[str, list[int]]) -> None:
        self.pieces = pieces

    def encode(self, text: str) -> list[int]:
        return self.pieces[text]


def line(case: str) -> dict[str, Any]:
    name, number = case.rsplit(".", 1)
    lines = [text for text in (FOLDER / f"{name}.jsonl").read_text().splitlines() if text.strip()]
    parsed: dict[str, Any] = json.loads(lines[int(number)])
    return parsed


def texts_between_tags(content: str) -> list[str]:
    return [text for part in content.split("<|image|>") for text in part.split("<|audio|>") if text]


def read_text(messages: list[Message], ids: list[int]) -> ReadText:
    """Pair the texts of `messages` with the runs of text ids in `ids`: role and newline, pieces, newline after the end."""
    runs: list[list[int]] = []
    last = False
    for number in ids:
        if number in VOCABULARY.text:
            runs[-1].append(number) if last else runs.append([number])
        last = number in VOCABULARY.text
    starts = [index for index, number in enumerate(ids) if number == VOCABULARY.im_start]
    newline = [ids[starts[0] + 2]]
    pieces: dict[str, list[int]] = {"\n": newline}
    remaining = iter(runs)
    for message in messages:
        texts = texts_between_tags(message.content)
        opening = next(remaining)
        pieces[message.role] = opening[:1]
        assert opening[1:2] == newline
        if opening[2:]:
            pieces[texts.pop(0)] = opening[2:]
        for text in texts:
            pieces[text] = next(remaining)
        assert next(remaining) == newline
    assert next(remaining, None) is None
    return ReadText(pieces)


def stub_codes(path: str, factor: int, step: int, count: int, size: int) -> np.ndarray:
    return (factor * sum(map(ord, path)) + step * np.arange(count)) % size


def laid_out(case: str) -> Sample:
    record = line(case)
    turns = record.get("conversations") or record["messages"]
    messages = [Message(ROLES.get(turn["role"], turn["role"]), turn["content"]) for turn in turns]
    images, speeches = [], []
    for message, turn in zip(messages, turns, strict=True):
        for _ in range(message.content.count("<|image|>")):
            count = USER_CODES if turn["role"] == "user" else OTHER_CODES
            images.append(stub_codes(record["images"][len(images)], 17, 13, count, PRODUCTION.image_codes))
        for _ in range(message.content.count("<|audio|>")):
            path = record["audios"][len(speeches)]
            codes = SpeechCodes(stub_codes(path, 31, 7, SPEECH_CODES, PRODUCTION.speech_codes))
            speeches.append(codes if message.role == "assistant" else SpeechFeatures(FRAMES + 4))
    text = read_text(messages, EXPECTED[f"{case}.clean_ids"].tolist())
    return lay_out(messages, images, speeches, text, VOCABULARY)


def labels(sample: Sample) -> np.ndarray:
    values = np.full(len(sample.ids), IGNORED, np.int64)
    for start, stop in sample.loss_spans:
        values[start:stop] = sample.ids[start:stop]
    return values


@pytest.mark.parametrize("case", sorted(INFO))
def test_ids_are_the_references(case: str) -> None:
    np.testing.assert_array_equal(laid_out(case).ids, EXPECTED[f"{case}.clean_ids"])


@pytest.mark.parametrize("case", sorted(INFO))
def test_labels_are_the_references(case: str) -> None:
    np.testing.assert_array_equal(labels(laid_out(case)), EXPECTED[f"{case}.clean_labels"])


@pytest.mark.parametrize("case", sorted(INFO))
def test_positions_of_continuous_speech_are_the_references(case: str) -> None:
    expected = EXPECTED.get(f"{case}.audio_positions", np.zeros(0, np.int64))
    np.testing.assert_array_equal(laid_out(case).continuous, expected)


@pytest.mark.parametrize("case", sorted(INFO))
def test_lengths_are_the_references(case: str) -> None:
    sample = laid_out(case)
    assert len(sample.ids) == INFO[case]["length"]
    assert sum(stop - start for start, stop in sample.loss_spans) == INFO[case]["supervised"]
