"""What an evaluation works with: somebody who responds, tokenizers to compare with, and ears and voices from outside."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from omniforge.pipeline.sources.scenes import SceneObject, render
from omniforge.pipeline.sources.scenes_judge import see
from omniforge.tokenizers.glm4voice.mel import resample
from omniforge.trainer.evaluate.unseen import SEED_STRIDE
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.presets import default_sampling
from omniforge.trainer.generation.prompts import Prompt
from omniforge.trainer.generation.responses import GenerationConfig, Response, respond
from omniforge.trainer.generation.tasks import GenerationTask
from omniforge.trainer.model.transformer import Dream

Sound = NDArray[np.float32]
"""Mono speech, float32 [samples] at 16 kHz."""

SPEECH_RATE = 16_000


class Responder(Protocol):
    """Whatever is evaluated: a model, or in tests somebody who knows the answers."""

    def __call__(self, task: GenerationTask, prompts: Iterable[Prompt], steps: int | None) -> Iterator[Response]:
        """Yield a response to each prompt of a task, in order; `steps` None is the usual number."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SpeechTools:
    """Voices and ears; the trainer has none of its own.

    Attributes:
        voices: By group of voices (`known voices`, `held-out voices`, ...): says a text; the key draws the voice and the noise.
        transcribe: Writes down what is said.
        word_errors: Counts errors of what was heard (second) and the words of what was said (first).
        fingerprint: Names all of that.
    """

    voices: Mapping[str, Callable[[str, str], Sound]]
    transcribe: Callable[[Sound], str]
    word_errors: Callable[[str, str], tuple[int, int]]
    fingerprint: str


Measured = TypeVar("Measured")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Bench:
    """Everything that the tasks of a suite use, and the limits that several of them show, each measured once.

    Attributes:
        respond: What is evaluated.
        through_image: Gives a picture back as its tokenizer does, at the side `generation`.
        through_speech: Gives speech back as its tokenizer does.
        speech: Voices and ears.
        understanding: Pixels along a side of the pictures that are asked about.
        generation: Pixels along a side of the pictures that are made.
        samples: Scenes, or sentences, of a task.
        seed: Which of the unseen ones.
    """

    respond: Responder
    through_image: Callable[[Image.Image], Image.Image]
    through_speech: Callable[[Sound], Sound]
    speech: SpeechTools
    understanding: int
    generation: int
    samples: int
    seed: int
    _known: dict[tuple[str, ...], Any] = field(default_factory=dict, init=False, repr=False)

    def seen(self, seed: int) -> Sequence[SceneObject]:
        """What the judge sees in the rendered scene of a seed."""
        return self._once(("seen", str(seed)), lambda: see(render(seed, self.generation)))

    def seen_again(self, seed: int) -> Sequence[SceneObject]:
        """What the judge sees in it after the picture tokenizer."""
        return self._once(("seen again", str(seed)), lambda: see(self.through_image(render(seed, self.generation))))

    def heard_again(self, voices: str, key: str, speak: Callable[[], Sound]) -> str:
        """What the recogniser hears after the speech tokenizer in what a group of voices says of a key."""
        return self._once(("heard again", voices, key), lambda: self.speech.transcribe(self.through_speech(speak())))

    def _once(self, key: tuple[str, ...], measure: Callable[[], Measured]) -> Measured:
        if key not in self._known:
            self._known[key] = measure()
        known: Measured = self._known[key]
        return known

    def hear(self, response: Response) -> str:
        """Write down what a response says aloud; silence is an empty text.

        Raises:
            ValueError: There is sound, and no rate.
        """
        if response.sound is None or not len(response.sound):
            return ""
        if response.sample_rate is None:
            raise ValueError("evaluation: a response has sound and no sample rate; a responder has to give both")
        return self.speech.transcribe(at_speech_rate(response.sound, response.sample_rate))


def at_speech_rate(sound: Sound, rate: int) -> Sound:
    """Resample speech to 16 kHz."""
    if rate == SPEECH_RATE:
        return sound
    resampled: Sound = resample(torch.from_numpy(sound), rate, SPEECH_RATE).numpy()
    return resampled


def model_responder(model: Dream, codecs: Codecs, batch: int) -> Responder:
    """Let a model respond with the default sampling, `batch` prompts at a time."""

    def responses(task: GenerationTask, prompts: Iterable[Prompt], steps: int | None) -> Iterator[Response]:
        return respond(model, codecs, prompts, GenerationConfig(sampling=default_sampling(task), steps=steps, batch=batch))

    return responses


def bench_of(responder: Responder, codecs: Codecs, speech: SpeechTools, *, samples: int, seed: int) -> Bench:
    """Put a responder on the bench.

    Args:
        responder: What is evaluated.
        codecs: Its tokenizers.
        speech: Voices and ears.
        samples: Scenes, or sentences, of a task.
        seed: Which of the unseen ones.

    Raises:
        ValueError: The numbers are out of range.
    """
    if not 1 <= samples <= SEED_STRIDE:
        raise ValueError(f"evaluation: samples is {samples}; give 1 to {SEED_STRIDE}")
    if not 0 <= seed < SEED_STRIDE:
        raise ValueError(f"evaluation: seed is {seed}; give 0 to {SEED_STRIDE - 1}")

    def through_image(picture: Image.Image) -> Image.Image:
        return codecs.picture(codecs.picture_codes(picture, codecs.generation))

    def through_speech(sound: Sound) -> Sound:
        (again,) = codecs.speech.decode(codecs.speech.encode([sound]))
        return at_speech_rate(again, codecs.speech.output_rate)

    return Bench(
        respond=responder,
        through_image=through_image,
        through_speech=through_speech,
        speech=speech,
        understanding=codecs.understanding,
        generation=codecs.generation,
        samples=samples,
        seed=seed,
    )
