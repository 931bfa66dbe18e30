"""The page of a spoken dataset: what a person needs to judge it."""

import base64
import re
from html import unescape
from typing import Any

import pytest

from omniforge.pipeline.manifest import publish
from omniforge.pipeline.media import commit_records
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.report import render
from omniforge.pipeline.storage import open_store

HEARD = "answer 'wood': heart-p078-r097: heard 'what' (wer 1.00) | heart-p120-r097: heard 'would' (wer 1.00)"
EVIDENCE = {
    "repetitive_text": b"Is it lit?\nIs it lit?",
    "too_long": ("é" * 600).encode()[:1023],
    "blank_image": bytes(range(256)),
}
"""The beginning of what was refused: two texts, one that is cut inside a character, a picture."""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory, toy: Any) -> str:
    """Of two spoken questions, a spoken prompt and a refusal, made from a dataset of captions."""
    local = open_store(str(tmp_path_factory.mktemp("root")))
    below = toy.publish_media(local, range(3))
    parent = toy.record(0).key
    scores = {"quality": 3.21, "answer_quality": 2.5, "augmentation": "room 0.4 s; noise 18 dB", "answer_asr_text": "a red bus"}
    first = toy.spoken(701)
    outcomes = [
        toy.spoken(701, measures=first.measures | scores),
        toy.spoken(702),
        toy.spoken(703, "s2i", text="Draw <b>this</b> & that."),
        toy.spoken(704, question=None, answer="A bus.", measures={"words_per_second": 2.5}),
        toy.refusal(0, key=parent, reason="roundtrip", task="svqa", detail=HEARD),
        *(toy.refusal(900, key="", reason=reason, evidence=evidence) for reason, evidence in EVIDENCE.items()),
        *(toy.refusal(number, reason="markup_in_caption") for number in range(910, 925)),
    ]
    work = toy.unit(7, stage="synth")
    values: dict[str, Any] = {"code_version": "1", "config": {}, "models": {}}
    content = below.manifest.content
    inputs = (f"{content.name}@sha256:{below.manifest.content_sha256}",)
    entries = {work.id: commit_records(local, work, outcomes)}
    manifest = publish(local, layer="media", name="toy-sdvi", entries=entries, inputs=inputs, **values)
    return render(Dataset(local, manifest))


def cards(page: str, title: str) -> list[str]:
    """The cards of a group, as text with its media as their kinds."""
    group = page.split(f"<h2>{title}</h2>")[1].split("<h2>")[0]
    return [unescape(card) for card in group.split('<div class="card">')[1:]]


def media_of(card: str, kind: str) -> list[bytes]:
    return [base64.b64decode(data) for data in re.findall(rf"data:{kind};base64,([A-Za-z0-9+/=]+)", card)]


def test_a_spoken_question_is_shown_with_picture_sounds_texts_and_measures(page: str, toy: Any) -> None:
    record = toy.spoken(701)
    (card,) = (card for card in cards(page, "kind: svqa") if record.key in card)
    picture, question, answer = (file.data for file in record.media)
    assert media_of(card, "image/png") == [picture]
    assert media_of(card, "audio/flac") == [question, answer]
    asked, answered = card.index(record.question), card.index(record.answer)
    assert asked < card.index("<audio") < answered < card.rindex("<audio")
    assert "2.0 s · voice heart-p078-r097 · hibari · WER 12% · quality 3.2 · 3.0 words/s" in card
    assert "augmented: room 0.4 s; noise 18 dB" in card
    assert "heard “What is in?”" in card
    assert "2.0 s · voice heart-p120-r097 · WER 0% · quality 2.5" in card
    assert "heard “a red bus”" in card


def test_texts_of_records_are_no_markup(page: str) -> None:
    assert "Draw &lt;b&gt;this&lt;/b&gt; &amp; that." in page


def test_records_of_the_dataset_below_are_left_to_its_own_page(page: str) -> None:
    assert [*re.findall(r"<h2>(kind: \w+)</h2>", page)] == ["kind: s2i", "kind: svqa"]


def test_charts_count_voices_and_each_measure(page: str) -> None:
    titles = ("utterances of each of 2 voices", "seconds of an utterance", "word error rate by the recogniser",
              "words a second", "speech quality (1 to 5)", "augmented utterances, by effect", "refused, by reason")  # fmt: skip
    assert [title for title in titles if title not in page] == []


def test_a_refusal_is_shown_with_its_text_and_what_was_heard_of_each_voice(page: str, toy: Any) -> None:
    row = unescape(page.split("<h2>Refused, with examples</h2>")[1])
    assert "synth svqa" in row
    assert f"“{toy.record(0).text}”" in row
    for told in HEARD.split(" | "):
        assert f"<div>{told}</div>" in row


def refused(page: str, reason: str) -> list[str]:
    """The examples of a reason, as text."""
    row = page.split(f"<code>{reason}</code>")[1].split("</tr>")[0]
    return [unescape(example) for example in row.split('<div class="example">')[1:]]


def test_a_refused_text_is_shown_whatever_its_lines_and_where_it_was_cut(page: str) -> None:
    assert refused(page, "repetitive_text")[0].startswith("“Is it lit?\nIs it lit?”")
    assert refused(page, "too_long")[0].startswith(f"“{'é' * 200}”")
    assert "“" not in refused(page, "blank_image")[0]


def test_of_many_refusals_three_are_shown_and_all_counted(page: str) -> None:
    assert len(refused(page, "markup_in_caption")) == 3
    assert '<td class="number">15</td>' in page.split("<code>markup_in_caption</code>")[1].split("</tr>")[0]


def test_the_pace_of_a_conversation_stands_at_the_sound_whose_words_are_known(page: str, toy: Any) -> None:
    (card,) = (card for card in cards(page, "kind: svqa") if toy.spoken(704).key in card)
    question, answer = re.findall(r"<b>(\w+)</b>.*?<div class=\"quiet\">(.*?)</div>", card, re.DOTALL)
    assert question == ("question", "2.0 s")
    assert answer == ("answer", "2.0 s · 2.5 words/s")


def test_the_page_needs_nothing_but_itself(page: str) -> None:
    assert set(re.findall(r'(?:src|href)="([a-z]+:?)', page)) == {"data:"}
    assert "<script" not in page
