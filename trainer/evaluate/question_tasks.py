"""Tasks about questions: answered from a written question, or from the same question spoken."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from PIL import Image

from omniforge.pipeline.sources.scenes import draw
from omniforge.pipeline.sources.scenes_questions import Question, ask, questions
from omniforge.pipeline.sources.scenes_words import NUMBERS
from omniforge.trainer.evaluate.bench import Bench
from omniforge.trainer.evaluate.scores import ScoredItem, Share
from omniforge.trainer.evaluate.unseen import UnseenScene, majority_answers, unseen_scenes
from omniforge.trainer.generation.prompts import Prompt
from omniforge.trainer.generation.responses import Response

MODEL, MAJORITY, ANY_OBJECT, HEARD = "model", "majority answer", "any object, blindly", "answer as heard"
ALL_TYPES = "all"
DIFFERING = "looks, of several"
"""Of the questions about a colour, shape or size those where not all objects would give the answer: one has to be found."""

SPOKEN_QUESTIONS = 2
"""Questions about a scene that are spoken; they are among those that are written."""

_ARTICLES = ("a", "an", "the")


@dataclass(frozen=True, slots=True)
class _Asked:
    scene: UnseenScene
    question: Question

    @property
    def key(self) -> str:
        return f"{self.scene.seed} {self.question.type}"


def answer_written(bench: Bench) -> list[ScoredItem]:
    """Ask about every unseen scene one question of each type that it admits."""
    asked = [
        _Asked(one, question) for one in unseen_scenes(bench.samples, bench.seed) for question in questions(one.scene, one.seed)
    ]
    prompts = (
        Prompt(task="vqa", question=each.question.question, image=image, wording=f"unseen-{each.key}-vqa")
        for each, image in _with_picture(asked, bench.understanding)
    )
    responses = bench.respond("vqa", prompts, None)
    return [_scored(each, response, {}) for each, response in zip(asked, responses, strict=True)]


def answer_spoken(bench: Bench, *, voices: str) -> list[ScoredItem]:
    """Ask two of the questions about each scene aloud, by a group of voices.

    The model answers in words and aloud: the words count, and beside them what a recogniser hears of the answer.
    """
    speak = bench.speech.voices[voices]
    asked = [
        _Asked(one, question)
        for one in unseen_scenes(bench.samples, bench.seed)
        for question in ask(one.scene, one.seed, SPOKEN_QUESTIONS)
    ]
    prompts = (
        Prompt(
            task="svqa",
            audio=speak(each.question.question, f"{each.key} question"),
            image=image,
            wording=f"unseen-{each.key}-svqa",
        )
        for each, image in _with_picture(asked, bench.understanding)
    )
    items = []
    for each, response in zip(asked, bench.respond("svqa", prompts, None), strict=True):
        heard = _measures(each, bench.hear(response))
        items.append(_scored(each, response, {HEARD: heard}))
    return items


def _with_picture(asked: Sequence[_Asked], side: int) -> Iterator[tuple[_Asked, Image.Image]]:
    """Draw every scene once, however many questions it has in a row."""
    drawn: tuple[int, Image.Image] | None = None
    for each in asked:
        if drawn is None or drawn[0] != each.scene.seed:
            drawn = each.scene.seed, draw(each.scene.scene, side)
        yield each, drawn[1]


def _scored(each: _Asked, response: Response, more: dict[str, dict[str, Share]]) -> ScoredItem:
    answer = response.text or ""
    return ScoredItem(
        key=each.key,
        source=each.scene.seed,
        asked=each.question.question,
        expected=each.question.answer,
        got=answer,
        measures={
            MODEL: _measures(each, answer),
            MAJORITY: _measures(each, majority_answers()[each.question.type]),
            ANY_OBJECT: _blind(each),
            **more,
        },
        steps=response.steps,
    )


def _measures(each: _Asked, answer: str) -> dict[str, Share]:
    question = each.question
    right = (float(normalised_answer(answer) == normalised_answer(question.answer)), 1.0)
    return {ALL_TYPES: right, question.type: right, **({DIFFERING: right} if len(set(_looks(each))) > 1 else {})}


def _blind(each: _Asked) -> dict[str, Share]:
    """Say how often who sees everything and understands no question is right about a look: of any object, whichever."""
    looks = _looks(each)
    if not looks:
        return {}
    right = (looks.count(each.question.answer) / len(looks), 1.0)
    return {each.question.type: right, **({DIFFERING: right} if len(set(looks)) > 1 else {})}


def _looks(each: _Asked) -> list[str]:
    """List what all objects of the scene have of what is asked for, a colour, shape or size; of other questions nothing."""
    kind = each.question.type
    return [getattr(item, kind) for item in each.scene.scene.objects] if kind in ("colour", "shape", "size") else []


def normalised_answer(text: str) -> str:
    """Bring an answer into the form in which it has to be equal to the right one.

    Lower case, without punctuation, without an article in front, single blanks, the digits 0 to 5 as words. Nothing else is
    forgiven: "two stars" is not "two", nor "on the left" "left".

    >>> normalised_answer(" The Red."), normalised_answer("2")
    ('red', 'two')
    """
    text = unicodedata.normalize("NFKC", text).casefold()
    words = "".join(character if character.isalnum() else " " for character in text).split()
    if len(words) > 1 and words[0] in _ARTICLES:
        words = words[1:]
    return " ".join(NUMBERS[int(word)] if word in {str(number) for number in range(len(NUMBERS))} else word for word in words)
