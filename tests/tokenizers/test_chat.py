"""Conversations as sequences, and the tasks they are for."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.schemas.record import Message
from omniforge.schemas.sample import TASKS as INDEXED_TASKS
from omniforge.tokenizers.chat import TASKS, Sample, SpeechCodes, SpeechFeatures, classify, lay_out, messages_for, prompt_for
from omniforge.tokenizers.instructions import INSTRUCTIONS
from omniforge.tokenizers.text import load_text_tokenizer
from omniforge.tokenizers.vocabulary import Vocabulary, VocabularyLayout

TEXT = load_text_tokenizer("embedded")
VOCABULARY = Vocabulary(VocabularyLayout(text_size=TEXT.size, speech_codes=64, image_codes=128))
CODES = SpeechCodes(np.arange(5))
PICTURE = np.arange(16).reshape(4, 4)


def laid_out(*messages: Message, images: int = 0, speeches: tuple[SpeechCodes | SpeechFeatures, ...] = ()) -> Sample:
    return lay_out(messages, [PICTURE] * images, speeches, TEXT, VOCABULARY)


def spelled(sample: Sample) -> str:
    """Text as text, everything else as <name>; codes as one letter each."""
    names = {number: token for token, number in VOCABULARY.special_ids.items()}
    parts: list[str] = []
    for number in sample.ids.tolist():
        if number in VOCABULARY.text:
            parts.append(TEXT.decode([number]))
        elif number in VOCABULARY.speech:
            parts.append("s")
        elif number in VOCABULARY.image:
            parts.append("i")
        else:
            parts.append(names[number])
    return "".join(parts)


def test_a_caption_is_laid_out_as_chatml_with_the_codes_in_place_of_the_tag() -> None:
    sample = laid_out(Message("user", "What is shown?\n<|image|>"), Message("assistant", "A circle."), images=1)
    assert spelled(sample) == (
        "<|im_start|>user\nWhat is shown?\n<|begin_of_image|>" + "i" * 16 + "<|end_of_image|><|im_end|>\n"
        "<|im_start|>assistant\nA circle.<|im_end|>\n"
    )
    assert sample.ids.dtype == np.uint32


def test_codes_are_in_raster_order() -> None:
    sample = laid_out(Message("user", "<|image|>"), images=1)
    span = next(span for span in sample.spans if span.modality == "image")
    assert VOCABULARY.image_codes(sample.ids[span.start : span.stop]).tolist() == list(range(16))


def test_loss_lies_on_the_content_of_assistant_turns_with_their_end_and_newline() -> None:
    sample = laid_out(
        Message("system", "Be brief."),
        Message("user", "One?"),
        Message("assistant", "Two."),
        Message("user", "Three?"),
        Message("assistant", "<|audio|>"),
        speeches=(CODES,),
    )
    pieces = [spelled(Sample(ids=sample.ids[start:stop], spans=(), loss_spans=())) for start, stop in sample.loss_spans]
    assert pieces == ["Two.<|im_end|>\n", "<|begin_of_audio|>sssss<|end_of_audio|><|im_end|>\n"]


def test_tags_take_their_media_from_left_to_right_over_all_turns() -> None:
    sample = laid_out(
        Message("user", "<|audio|><|image|>\n<|audio|>"),
        Message("assistant", "<|image|><|audio|>"),
        images=2,
        speeches=(SpeechFeatures(7), SpeechCodes(np.array([1, 2])), CODES),
    )
    media = [(span.modality, span.role, span.media, span.stop - span.start, span.continuous) for span in sample.spans]
    assert media == [
        ("speech", "user", 0, 7, True),
        ("image", "user", 0, 16, False),
        ("text", "user", None, 1, False),
        ("speech", "user", 1, 2, False),
        ("image", "assistant", 1, 16, False),
        ("speech", "assistant", 2, 5, False),
    ]


def test_continuous_positions_hold_the_context_token_and_are_never_supervised() -> None:
    sample = laid_out(Message("user", "<|audio|>"), Message("assistant", "yes"), speeches=(SpeechFeatures(9),))
    assert len(sample.continuous) == 9
    assert set(sample.ids[sample.continuous].tolist()) == {VOCABULARY.context_of_audio}
    assert all(not start <= position < stop for position in sample.continuous for start, stop in sample.loss_spans)


def test_without_continuous_speech_there_are_no_continuous_positions() -> None:
    assert laid_out(Message("user", "<|audio|>"), speeches=(CODES,)).continuous.tolist() == []


def test_an_open_answer_ends_with_the_opening_of_the_assistants_turn() -> None:
    sample = lay_out([Message("user", "Hi")], [], [], TEXT, VOCABULARY, open_answer=True)
    assert spelled(sample) == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    assert sample.loss_spans == ()


plain = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="<"), max_size=12)
contents = st.lists(st.one_of(plain, st.sampled_from(["<|image|>", "<|audio|>"])), max_size=5).map("".join)


@given(st.lists(st.tuples(st.sampled_from(["system", "user", "assistant"]), contents), min_size=1, max_size=4))
def test_spans_are_ordered_disjoint_and_hold_ids_of_their_modality(turns: list[tuple[str, str]]) -> None:
    messages = [Message(role, content) for role, content in turns]  # type: ignore[arg-type]
    images = sum(message.content.count("<|image|>") for message in messages)
    speeches = sum(message.content.count("<|audio|>") for message in messages)
    sample = laid_out(*messages, images=images, speeches=(CODES,) * speeches)
    ranges = {"text": VOCABULARY.text, "image": VOCABULARY.image, "speech": VOCABULARY.speech}
    end = 0
    for span in sample.spans:
        assert end <= span.start < span.stop
        assert all(number in ranges[span.modality] for number in sample.ids[span.start : span.stop].tolist())
        end = span.stop
    assert end <= len(sample.ids)
    assert len(sample.loss_spans) == sum(message.role == "assistant" for message in messages)


@pytest.mark.parametrize("token", ["<|im_end|>", "<|mask|>", "<|video|>", "<|begin_of_image|>", "<|audio_3|>", "<tool_call>"])
def test_control_tokens_in_a_text_are_refused_by_name(token: str) -> None:
    with pytest.raises(ValueError, match="control tokens"):
        laid_out(Message("user", f"a {token} b"))


@pytest.mark.parametrize("count", [0, 2])
def test_media_and_tags_that_differ_in_number_are_refused(count: int) -> None:
    with pytest.raises(ValueError, match=r"1 <\|image\|> tags"):
        laid_out(Message("user", "<|image|>"), images=count)


def test_features_in_an_assistant_turn_are_refused() -> None:
    with pytest.raises(ValueError, match="only say codes"):
        laid_out(Message("assistant", "<|audio|>"), speeches=(SpeechFeatures(5),))


def test_media_without_codes_are_refused() -> None:
    with pytest.raises(ValueError, match="no codes"):
        laid_out(Message("user", "<|audio|>"), speeches=(SpeechCodes(np.zeros(0, np.int64)),))


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError, match="human"):
        laid_out(Message("human", "hi"))  # type: ignore[arg-type]


def test_a_text_tokenizer_larger_than_the_vocabularys_text_is_refused() -> None:
    small = Vocabulary(VocabularyLayout(text_size=300, speech_codes=64, image_codes=128))
    with pytest.raises(ValueError, match="4096"):
        lay_out([Message("user", "hi")], [], [], TEXT, small)


def test_the_tasks_are_those_of_the_index() -> None:
    assert tuple(TASKS) == INDEXED_TASKS


WORDS = {"text": "a red circle", "question": "How many circles are there?", "answer": "Three."}


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("seed_key", [f"key-{number}" for number in range(24)])
def test_what_is_made_for_a_task_is_recognised_as_that_task(task: str, seed_key: str) -> None:
    assert classify(messages_for(task, **WORDS, seed_key=seed_key)) == task


@pytest.mark.parametrize("task", INSTRUCTIONS)
def test_the_references_wording_is_drawn_about_half_of_the_time_and_every_paraphrase_sometimes(task: str) -> None:
    question = None if task == "chat" else WORDS["question"]
    drawn = Counter(
        prompt_for(task, text="X", question=question, seed_key=str(number))[0].content.split("\n")[0] for number in range(2000)
    )
    assert 0.45 < drawn[INSTRUCTIONS[task][0]] / 2000 < 0.55
    assert set(drawn) == set(INSTRUCTIONS[task])


def test_the_same_key_draws_the_same_wording() -> None:
    assert messages_for("t2i", text="a", seed_key="k") == messages_for("t2i", text="a", seed_key="k")


def test_without_a_key_the_wording_is_the_references() -> None:
    assert prompt_for("asr") == (Message("user", "Convert the speech to text.\n<|audio|>"),)


def test_a_task_without_what_it_needs_names_it() -> None:
    with pytest.raises(ValueError, match="vqa needs a question"):
        messages_for("vqa", answer="yes", seed_key="k")


def test_an_unknown_task_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="t2i, caption"):
        prompt_for("i2t")


@pytest.mark.parametrize(
    ("user", "assistant", "task"),
    [
        ("Please describe the image in one sentence.\n<|image|>", "A dog.", "caption"),
        ("<|image|>\nWhat do you see?", "A dog.", "caption"),
        ("<|image|>\nWhat colour is the dog?", "Brown.", "vqa"),
        ("<|image|>\nDescribe a use for this tool.", "Cutting.", "vqa"),
        ("Please transcribe what you hear: <|audio|>", "hello", "asr"),
        ("<|audio|>", "Hello to you.", "chat"),
        ("<|audio|>", "Hello to you.<|audio|>", "chat"),
        ("<|audio|><|image|>", "Brown.", "svqa"),
        ("<|audio|>", "<|image|>", "s2i"),
        ("a brown dog", "<|image|>", "t2i"),
        ("Say hello.", "<|audio|>", "tts"),
        ("Hello.", "Hello.", "chat"),
        ("<|image|> make it blue", "<|image|>", "chat"),
    ],
)
def test_conversations_of_others_are_judged_by_what_goes_in_and_out(user: str, assistant: str, task: str) -> None:
    assert classify([Message("user", user), Message("assistant", assistant)]) == task


def test_a_later_question_makes_a_description_a_vqa() -> None:
    turns = [("user", "Describe the picture.\n<|image|>"), ("assistant", "A lake."), ("user", "Deep?"), ("assistant", "No.")]
    assert classify([Message(role, content) for role, content in turns]) == "vqa"  # type: ignore[arg-type]


def test_a_system_prompt_does_not_hide_the_task() -> None:
    messages = (Message("system", "You are helpful."), *messages_for("asr", text="hello", seed_key="k"))
    assert classify(messages) == "asr"
