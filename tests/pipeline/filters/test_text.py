import pytest
from hypothesis import given
from hypothesis import strategies as st

from omniforge.pipeline.filters import cleaning
from omniforge.pipeline.filters.problem import Problem
from omniforge.pipeline.filters.text import TextConfig, check_text, clean, declared_language_problem
from omniforge.schemas.quarantine import REASONS

CONFIG = TextConfig()


def reason(text, writing, config=CONFIG):
    outcome = check_text(text, writing, config)
    assert isinstance(outcome, Problem), outcome
    assert outcome.reason in REASONS
    return outcome.reason


@pytest.mark.parametrize(
    ("dirty", "mended", "repair"),
    [
        ("a\x00 red\x07 \x1bcube\x7f\x9f", "a red cube", "control_characters"),
        ("\u202ba \u200fdog\u202c", "a dog", "bidi_controls"),
        ("a <b>red</b> cube &amp; a <br/>ball", "a red cube & a ball", "markup_in_caption"),
        ("a &lt;i&gt;red&lt;/i&gt; cube", "a red cube", "markup_in_caption"),
        ("a cube<script>alert('x')</script> <!-- no --> here", "a cube here", "markup_in_caption"),
        ("a cube, see https://example.org/a?b=1.", "a cube, see .", "url"),
        ("a\u00a0red\u2009cube\u200b \t\n  here", "a red cube here", "odd_whitespace"),
        ("a cat in space --ar 16:9 --v 5", "a cat in space", "prompt_markup"),
        ("a (red:1.3) ((cube)) <lora:x:1.2> --no text, blur", "a red cube", "prompt_markup"),
        ("cat::2 dog::1.5", "cat dog", "prompt_markup"),
        ("call +1 555 0100 or (555) 123-4567", "call [telephone number] or [telephone number]", "personal_data"),
        ("mail jane.doe+x@mail.example.org now", "mail [mail address] now", "personal_data"),
    ],
)
def test_a_caption_is_mended_and_the_repair_named(dirty, mended, repair):
    assert check_text(dirty, "caption", CONFIG) == (mended, (repair,))


@pytest.mark.parametrize(
    "text",
    [
        "It’s a “red” cube, isn’t it?",
        "family 👩‍👩‍👧 and flag 🏴󠁧󠁢󠁥󠁮󠁧󠁿 🇩🇪 #hashtag @mention",
        "می‌خواهم",
        "<PERSON> sits beside x < y and y > z",
        "the year 1999-2004, 3 x 4 = 12, ISBN 978-0-306-40615-7",
        "AT&T and R&D at 10:30, size (10:1 scale)",
    ],
)
def test_legal_text_stays_as_it_is(text):
    assert check_text(text, "caption", CONFIG) == (text, ())


def test_code_in_a_message_keeps_markup_indentation_addresses_and_flags():
    text = (
        "Use:\n```python\nif a < b:\n    print('<b>')  # see https://example.org, a@example.org\n```\n<div> --ar 16:9 (x:1.2)"
    )
    assert check_text(text, "message", CONFIG) == (text, ())


def test_line_ends_and_odd_spaces_of_a_message_are_normalised():
    assert clean("\r\nfirst\u00a0line \r\n\tsecond\r\r\n", "message") == ("first line\n\tsecond", ("odd_whitespace",))


@pytest.mark.parametrize("token", ["<|im_start|>", "<|image|>", "<|audio_17|>", "<|mask|>", "<tool_call>"])
def test_control_tokens_are_refused_in_a_prompt(token):
    assert reason(f"draw {token} now", "prompt") == "special_tokens_in_text"


def test_a_control_token_that_cleaning_would_make_is_refused():
    assert reason("<|im_\x00start|>", "message") == "special_tokens_in_text"
    assert reason("&lt;|im_end|&gt;", "caption") == "special_tokens_in_text"
    assert reason("<|im_<b>end|>".replace("<b>", "\u200b"), "question") == "special_tokens_in_text"


def test_media_tags_are_legal_in_messages_only():
    assert check_text("<|image|>\nWhat is it?", "message", CONFIG) == ("<|image|>\nWhat is it?", ())
    assert reason("<|image|>\nWhat is it?", "question") == "special_tokens_in_text"
    assert reason("<|begin_of_image|>", "message") == "special_tokens_in_text"


def test_strings_that_only_resemble_a_tag_are_kept():
    text = 'What does < |image| > or "<|img|>" or <|IM_START|> stand for?'
    assert check_text(text, "message", CONFIG) == (text, ())


@pytest.mark.parametrize(
    ("text", "writing", "expected"),
    [
        ("", "caption", "empty_caption"),
        (" \u00a0\u200b\t", "caption", "empty_caption"),
        ("<p></p>", "caption", "empty_caption"),
        ("", "transcript", "empty_transcript"),
        ("...", "transcript", "empty_transcript"),
        (" ", "question", "empty_question"),
        ("", "answer", "missing_answer"),
        ("", "prompt", "empty_prompt"),
        ("x", "prompt", "too_short"),
        ("word " * 500, "caption", "caption_too_long"),
        ("word " * 500, "prompt", "too_long"),
        ("<!--" * 300_000, "caption", "caption_too_long"),
        ("word " * 100, "prompt", "repetitive_text"),
        ("好" * 200, "answer", "repetitive_text"),
        ("lone \ud83d here", "message", "invalid_unicode"),
        ("a picture <img src=", "caption", "markup_in_caption"),
        ("SEVEN &amp; <i>eight</i>", "transcript", "markup_in_transcript"),
        ("call +1 555 0100", "transcript", "personal_data"),
    ],
)
def test_refused_with_its_reason(text, writing, expected):
    assert reason(text, writing) == expected


@pytest.mark.parametrize("text", ["猫", "0", "🧊"])
def test_a_single_sign_that_says_something_is_long_enough(text):
    assert check_text(text, "prompt", CONFIG) == (text, ())


def test_a_one_letter_answer_is_kept():
    assert check_text("B", "answer", CONFIG) == ("B", ())


def test_a_long_varied_answer_is_not_repetitive():
    text = "\n".join(f"{i}. item number {i * 7919 % 1000} costs {i * 31} and weighs {i * i}" for i in range(150))
    assert not isinstance(check_text(text, "answer", CONFIG), Problem)


def test_entities_in_a_transcript_are_decoded():
    assert check_text("you &amp; me", "transcript", CONFIG) == ("you & me", ("entities",))


def test_without_a_language_policy_every_script_passes():
    assert check_text("كلب يجري على الشاطئ", "prompt", CONFIG) == ("كلب يجري على الشاطئ", ())


def test_with_a_language_policy_other_scripts_and_declared_languages_are_refused():
    config = TextConfig(languages=frozenset({"en"}))
    assert reason("一只戴帽子的猫", "prompt", config) == "language"
    assert check_text("a naïve café", "prompt", config) == ("a naïve café", ())
    assert declared_language_problem("de-AT", config) is not None
    assert declared_language_problem("en-GB", config) is None
    assert declared_language_problem(None, config) is None


@given(st.text(max_size=200), st.sampled_from(["caption", "prompt", "transcript", "question", "answer", "message"]))
def test_whatever_the_text_the_outcome_is_clean_or_a_known_reason(text, writing):
    outcome = check_text(text, writing, CONFIG)
    if isinstance(outcome, Problem):
        assert outcome.reason in REASONS
        return
    cleaned, _ = outcome
    cleaned.encode("utf-8")
    assert cleaned == cleaned.strip("\n")
    assert cleaning.drop_control_characters(cleaned) == cleaned
    assert cleaning.drop_bidi_controls(cleaned) == cleaned


@pytest.mark.parametrize("part", ["((", "[[", "{", "<!--", "</script", "x:1", "+1 ", "a@a."])
def test_hostile_repetition_ends_in_an_outcome(part):
    assert isinstance(check_text(part * (12_000 // len(part)), "caption", CONFIG), Problem)
