"""Somebody who knows every answer, or always that of something else; and cheap voices, ears and tokenizers."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from PIL import Image

from omniforge.pipeline.sources.scenes import Scene, draw
from omniforge.pipeline.sources.scenes_language import captions
from omniforge.pipeline.sources.scenes_questions import Question, ask, questions
from omniforge.synth.roundtrip import word_errors
from omniforge.trainer.evaluate.bench import Bench, Sound, SpeechTools
from omniforge.trainer.evaluate.unseen import unseen_relations, unseen_scenes, unseen_sentences
from omniforge.trainer.generation.prompts import Prompt
from omniforge.trainer.generation.responses import Response
from omniforge.trainer.generation.tasks import GenerationTask

SIDE = 64
MOST_STEPS = 3
"""Forward passes that the oracle takes, if it may take as many."""

GROUPS = ("known voices", "held-out voices")


@dataclass
class Telepathy:
    """Speech that carries its text in its samples, so that whoever listens understands every word."""

    def speak(self, text: str, key: str) -> Sound:
        return np.frombuffer(text.encode(), dtype=np.uint8).astype(np.float32) / 256

    def transcribe(self, sound: Sound) -> str:
        return (sound * 256).round().astype(np.uint8).tobytes().decode()


@dataclass
class Oracle:
    """Responds to what tasks ask about unseen scenes and sentences: rightly, or as if something else had been asked.

    `other` is how far away the scene or sentence is that it responds to; 0 is the one that is meant.
    """

    samples: int
    seed: int = 0
    other: int = 0
    speech: Telepathy = field(default_factory=Telepathy)
    asked: list[Prompt] = field(default_factory=list)

    def __call__(self, task: GenerationTask, prompts: Iterable[Prompt], steps: int | None) -> Iterator[Response]:
        for prompt in prompts:
            self.asked.append(prompt)
            yield replace(self._respond(task, prompt), steps=min(steps or MOST_STEPS, MOST_STEPS))

    def _respond(self, task: GenerationTask, prompt: Prompt) -> Response:
        said = prompt.text if prompt.audio is None else self.speech.transcribe(prompt.audio)
        if task in ("t2i", "s2i"):
            return response(picture=draw(self._turned(self._scenes_by_request, said), SIDE))
        if task == "asr":
            return response(text=self._turned(self._sentences, said))
        if task == "tts":
            return response(sound=self.speech.speak(self._turned(self._sentences, said), ""))
        assert prompt.image is not None
        scene, seed = self._turned(self._scenes_by_picture, prompt.image.tobytes())
        if task == "caption":
            return response(text=captions(scene, seed)[1])
        asked = {each.question: each for each in _asked(*self._scenes_by_picture[prompt.image.tobytes()])}[
            prompt.question or said
        ]
        there = _asked(scene, seed)
        # Of another scene there is seldom the same question; one of the same type is the next best.
        text = max(there, key=lambda each: (each.question == asked.question, each.type == asked.type)).answer
        return response(text=text, sound=self.speech.speak(text, ""))

    def _turned(self, table: dict, key):
        keys = list(table)
        return table[keys[(keys.index(key) + self.other) % len(keys)]]

    @cached_property
    def _scenes_by_request(self) -> dict[str, Scene]:
        scenes = (*unseen_scenes(self.samples, self.seed), *unseen_relations(self.samples // 2, self.seed))
        return {one.request: one.scene for one in scenes}

    @cached_property
    def _scenes_by_picture(self) -> dict[bytes, tuple[Scene, int]]:
        scenes = unseen_scenes(self.samples, self.seed)
        return {draw(one.scene, SIDE).tobytes(): (one.scene, one.seed) for one in scenes}

    @cached_property
    def _sentences(self) -> dict[str, str]:
        return {text: text for _, text in unseen_sentences(self.samples, self.seed)}


def _asked(scene: Scene, seed: int) -> list[Question]:
    return [*questions(scene, seed), *ask(scene, seed, 2)]


def response(text: str | None = None, picture: Image.Image | None = None, sound: Sound | None = None) -> Response:
    return Response(ids=np.zeros(0, np.int64), text=text, picture=picture, sound=sound, sample_rate=16_000, steps=1)


def bench(respond: Oracle, through_image: Callable[[Image.Image], Image.Image] = lambda picture: picture) -> Bench:
    speech = respond.speech
    tools = SpeechTools(
        voices=dict.fromkeys(GROUPS, speech.speak),
        transcribe=speech.transcribe,
        word_errors=word_errors,
        fingerprint="telepathy",
    )
    return Bench(
        respond=respond,
        through_image=through_image,
        through_speech=lambda sound: sound,
        speech=tools,
        understanding=SIDE,
        generation=SIDE,
        samples=respond.samples,
        seed=respond.seed,
    )
