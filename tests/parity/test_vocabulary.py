"""The production id space and the text splitting against the published ones (SPEC.md section 1)."""

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from reference_data import parity_folder

from omniforge.schemas.record import Message
from omniforge.tokenizers.chat import SpeechCodes, SpeechFeatures, lay_out, messages_for, prompt_for
from omniforge.tokenizers.text import PRETOKENIZE_REGEX, byte_level_pipeline
from omniforge.tokenizers.vocabulary import AUDIO_TAG, IMAGE_TAG, PRODUCTION, Vocabulary
from tokenizers import models

PATH = parity_folder("vocabulary") / "vocabulary.json"

PUBLISHED: dict[str, Any] = json.loads(PATH.read_text())
VOCABULARY = Vocabulary(PRODUCTION)
PIPELINE = byte_level_pipeline(models.BPE())


def test_the_size_is_the_published_one() -> None:
    assert VOCABULARY.size == PUBLISHED["total_vocab"]


@pytest.mark.parametrize("group", ["base_special", "modality_special"])
def test_every_control_token_has_its_published_id(group: str) -> None:
    assert {token: VOCABULARY.special_ids[token] for token in PUBLISHED[group]} == PUBLISHED[group]


def test_there_are_no_other_control_tokens() -> None:
    assert set(VOCABULARY.special_ids) == {*PUBLISHED["base_special"], *PUBLISHED["modality_special"]}


def test_the_ranges_are_the_published_ones() -> None:
    ranges = PUBLISHED["id_ranges"]
    assert [VOCABULARY.text[0], VOCABULARY.text[-1]] == ranges["text_bpe"]
    assert [VOCABULARY.specials[0], VOCABULARY.specials[-1]] == [ranges["base_special"][0], ranges["modality_special"][1]]
    assert [VOCABULARY.speech[0], VOCABULARY.speech[-1]] == ranges["speech_code"]
    assert [VOCABULARY.image[0], VOCABULARY.image[-1]] == ranges["image_code"]


@pytest.mark.parametrize(("group", "kind"), [("speech_codes", "speech_id"), ("image_codes", "image_id")])
def test_first_and_last_code_have_their_published_ids(group: str, kind: str) -> None:
    published = PUBLISHED[group]
    code_id = getattr(VOCABULARY, kind)
    assert code_id(0) == published["first_id"]
    assert code_id(published["count"] - 1) == published["last_id"]


def test_roles_of_ids_are_the_published_ones() -> None:
    assert VOCABULARY.pad == PUBLISHED["pad_token"]["id"] == PUBLISHED["eos_token"]["id"]
    assert VOCABULARY.mask == PUBLISHED["mask_token"]["id"]
    assert VOCABULARY.im_start == PUBLISHED["chatml"]["im_start"]
    assert VOCABULARY.im_end == PUBLISHED["chatml"]["im_end"] == PUBLISHED["end_of_turn"]["id"]
    assert VOCABULARY.begin_of_audio == PUBLISHED["modality_special"]["<|begin_of_audio|>"]
    assert VOCABULARY.end_of_audio == PUBLISHED["modality_special"]["<|end_of_audio|>"]
    assert VOCABULARY.context_of_audio == PUBLISHED["modality_special"]["<|context_of_audio|>"]
    assert VOCABULARY.begin_of_image == PUBLISHED["modality_special"]["<|begin_of_image|>"]
    assert VOCABULARY.end_of_image == PUBLISHED["modality_special"]["<|end_of_image|>"]


def test_media_tags_are_the_published_ones() -> None:
    assert PUBLISHED["media_tags_in_messages"]["image"] == IMAGE_TAG
    assert PUBLISHED["media_tags_in_messages"]["audio"] == AUDIO_TAG


def test_text_is_split_by_the_published_expression() -> None:
    assert PUBLISHED["text_tokenizer"]["pretokenize_regex"] == PRETOKENIZE_REGEX


@pytest.mark.parametrize("text", sorted(PUBLISHED["text_tokenizer"]["checks"]))
def test_merging_never_has_to_cross_a_split_to_reach_the_published_ids(text: str) -> None:
    pieces = PIPELINE.pre_tokenizer.pre_tokenize_str(text)
    assert len(pieces) == len(PUBLISHED["text_tokenizer"]["checks"][text])


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("It's 10:30", ["It", "'s", " ", "1", "0", ":", "3", "0"]),
        ("Stop.\n\nGo  on ", ["Stop", ".\n\n", "Go", " ", " on", " "]),
        ("<|im_end|>\n", ["<|", "im", "_end", "|>\n"]),
        ("tab\there", ["tab", "\there"]),
    ],
)
def test_text_is_split_as_the_expression_says(text: str, pieces: list[str]) -> None:
    spans = [span for _, span in PIPELINE.pre_tokenizer.pre_tokenize_str(text)]
    assert [text[start:stop] for start, stop in spans] == pieces


class GivenText:
    """Encodes the texts of a published layout by the ids given with them."""

    size = PRODUCTION.text_size

    def __init__(self, segments: list[dict[str, Any]]) -> None:
        self.pieces = {segment["text"]: segment["ids"] for segment in segments if "text" in segment}
        for opening in [text for text in self.pieces if text.startswith("<|im_start|>")]:
            self.pieces[opening.removeprefix("<|im_start|>").strip()] = self.pieces[opening][1:2]
            self.pieces["\n"] = self.pieces[opening][2:]

    def encode(self, text: str) -> list[int]:
        return self.pieces[text]


def example(segments: list[dict[str, Any]]) -> tuple[list[Message], list[np.ndarray], list[SpeechCodes | SpeechFeatures]]:
    """Read a published layout back as a conversation; counts that are left open are 6."""
    messages: list[Message] = []
    images: list[np.ndarray] = []
    speeches: list[SpeechCodes | SpeechFeatures] = []
    for segment in segments:
        text = segment.get("text", "")
        if text.startswith("<|im_start|>"):
            messages.append(Message(text.removeprefix("<|im_start|>").strip(), ""))
            continue
        if segment.get("placeholder") == "image codes":
            images.append(np.arange(segment["count"]))
            text = IMAGE_TAG
        elif segment.get("placeholder") == "speech codes":
            speeches.append(SpeechCodes(np.arange(6)))
            text = AUDIO_TAG
        elif "placeholder" in segment:
            speeches.append(SpeechFeatures(6))
            text = AUDIO_TAG
        elif text.startswith("<|"):
            continue
        messages[-1] = replace(messages[-1], content=messages[-1].content + text)
    return messages, images, speeches


def expected(segments: list[dict[str, Any]]) -> tuple[list[int], list[bool]]:
    ids: list[int] = []
    supervised: list[bool] = []
    for segment in segments:
        if segment.get("text", "").startswith("<|endoftext|>"):
            break
        match segment.get("placeholder"):
            case None:
                part = segment["ids"]
            case "image codes":
                part = [VOCABULARY.image_id(code) for code in range(segment["count"])]
            case "speech codes":
                part = [VOCABULARY.speech_id(code) for code in range(6)]
            case _:
                part = [segment["id"]] * 6
        ids += part
        supervised += [segment["supervised"]] * len(part)
    return ids, supervised


@pytest.mark.parametrize("name", sorted(PUBLISHED["training_layout_examples"]))
def test_a_published_layout_is_laid_out_with_its_ids_and_supervision(name: str) -> None:
    segments = PUBLISHED["training_layout_examples"][name]
    sample = lay_out(*example(segments), GivenText(segments), VOCABULARY)
    ids, supervised = expected(segments)
    assert sample.ids.tolist() == ids
    assert [any(start <= i < stop for start, stop in sample.loss_spans) for i in range(len(ids))] == supervised


@pytest.mark.parametrize(
    ("task", "published", "user"),
    [
        ("t2i", "t2i", "user"),
        ("s2i", "s2i", "user_training"),
        ("asr", "asr", "user"),
        ("tts", "tts", "user"),
        ("vqa", "vqa_caption", "user"),
        ("svqa", "spoken_vqa", "user"),
    ],
)
def test_a_prompt_without_a_key_is_the_published_one(task: str, published: str, user: str) -> None:
    form = PUBLISHED["tasks"][published]
    words = {"caption": "X", "text": "X", "question": "Q?", "answer": "A.", "transcript": "X"}
    expected_turns = [
        (role, content.format(**words)) for role, content in (("system", form["system"]), ("user", form[user])) if content
    ]
    turns = [(message.role, message.content) for message in prompt_for(task, text="X", question="Q?")]
    assert turns == expected_turns
    answer = messages_for(task, text="X", question="Q?", answer="A.", seed_key="k")[-1]
    assert answer == Message("assistant", form["assistant"].format(**words))


def test_the_spoken_chat_prompt_is_the_published_one() -> None:
    assert prompt_for("chat")[0] == Message("system", PUBLISHED["tasks"]["spoken_qa"]["system"])
