import pytest

from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.turns import LLAVA, SFT, parse_turns, require_tags
from omniforge.schemas.record import Message


def sft(*turns):
    return [{"role": role, "content": content} for role, content in turns]


def llava(*turns):
    return [{"from": role, "value": content} for role, content in turns]


def test_turns_of_the_format_need_no_repair():
    expected = (Message("user", "a"), Message("assistant", "b"))
    assert parse_turns(sft(("user", "a"), ("assistant", "b")), SFT) == (expected, ())
    assert parse_turns(llava(("human", "a"), ("gpt", "b")), LLAVA) == (expected, ())


def test_turns_of_the_other_format_are_mapped_and_it_is_said():
    assert parse_turns(sft(("user", "a"), ("assistant", "b")), LLAVA)[1] == ("mapped_schema",)
    assert parse_turns(sft(("human", "a"), ("gpt", "b")), SFT)[1] == ("mapped_roles",)


def test_adjacent_turns_of_one_role_are_joined():
    messages, repairs = parse_turns(sft(("user", "a"), ("user", "b"), ("assistant", "c")), SFT)
    assert (messages, repairs) == ((Message("user", "a\nb"), Message("assistant", "c")), ("joined_turns",))


def test_a_number_as_answer_becomes_text():
    messages, repairs = parse_turns(llava(("human", "How many?"), ("gpt", 3)), LLAVA)
    assert (messages[1].content, repairs) == ("3", ("coerced_answer",))


@pytest.mark.parametrize(
    ("turns", "reason"),
    [
        ({}, "wrong_type"),
        ([], "empty_messages"),
        (["text"], "wrong_type"),
        ([{"role": "user"}], "missing_field"),
        (sft(("narrator", "a")), "unknown_role"),
        (sft((1, "a")), "unknown_role"),
        (sft(("user", ["a"])), "wrong_type"),
        (sft(("user", 3)), "wrong_type"),
        (sft(("user", "a"), ("assistant", True)), "wrong_type"),
        (sft(("user", "a"), ("assistant", None)), "missing_answer"),
        (sft(("user", None)), "wrong_type"),
        (sft(("user", "\ud83d")), "invalid_unicode"),
        (sft(("user", "a")), "no_assistant_turn"),
        (sft(("assistant", "a"), ("user", "b")), "no_assistant_turn"),
        (sft(("system", "a"), ("assistant", "b")), "no_assistant_turn"),
    ],
)
def test_broken_turns_are_refused(turns, reason):
    with pytest.raises(Refused) as refused:
        parse_turns(turns, SFT)
    assert refused.value.reason == reason


def test_tags_and_media_must_be_as_many():
    messages = (Message("user", "<|image|><|image|> <|audio|>"), Message("assistant", "<|audio|>"))
    require_tags(messages, 2, 2)
    with pytest.raises(Refused, match="tag_count_mismatch"):
        require_tags(messages, 1, 2)
    with pytest.raises(Refused, match="tag_count_mismatch"):
        require_tags(messages, 2, 1)
