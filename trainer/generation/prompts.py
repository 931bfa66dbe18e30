"""What a user asks for, and how it is laid out before a model sees it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from omniforge.schemas.record import Message
from omniforge.tokenizers.chat import Sample, SpeechCodes, SpeechFeatures, lay_out, prompt_for
from omniforge.tokenizers.sensevoice.encoder import QUERIES
from omniforge.tokenizers.vocabulary import AUDIO_TAG, IMAGE_TAG
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.tasks import NEEDS, GenerationTask
from omniforge.trainer.model.audio import AudioClips


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Prompt:
    """One thing to make.

    Attributes:
        task: What is made of what.
        text: What to draw or to say.
        question: About the picture.
        image: The picture asked about, or the one to repaint.
        audio: Speech, mono float32 [samples] at 16 kHz.
        cover: A picture of the same size, light where `image` is to be painted anew.
        seed: Of the draws.
        wording: Draws the wording of the instruction as for the record of this key; None is the reference's.
    """

    task: GenerationTask
    text: str | None = None
    question: str | None = None
    image: Image.Image | None = None
    audio: NDArray[np.float32] | None = None
    cover: Image.Image | None = None
    seed: int = 0
    wording: str | None = None

    def __post_init__(self) -> None:
        needed = NEEDS[self.task]
        given = {name: getattr(self, name) is not None for name in ("text", "question", "image", "audio", "cover")}
        if absent := [name for name in needed if not given[name]]:
            raise ValueError(f"task {self.task} needs {' and '.join(needed)}; there is no {', '.join(absent)}")
        if extra := [name for name, there in given.items() if there and name not in needed]:
            raise ValueError(f"task {self.task} takes {' and '.join(needed)}; {', '.join(extra)} has no place in it")
        if self.image is not None and self.cover is not None and self.image.size != self.cover.size:
            raise ValueError(f"the mask is {self.cover.size} pixels, the picture {self.image.size}; make them the same")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidPrompt:
    """A prompt as a model takes it.

    Attributes:
        ids: (prompt,) int64, ending with the opening of the assistant's turn.
        audio: Continuous speech in it.
        unconditional: (shorter,) int64, the same without what the user wants, for guidance.
        text_tokens: Length of its text.
    """

    ids: Tensor
    audio: AudioClips | None
    unconditional: Tensor
    text_tokens: int


def lay_out_prompt(prompt: Prompt, codecs: Codecs) -> LaidPrompt:
    """Encode a prompt, its instruction in front.

    The unconditional prompt is the instruction without the description, the picture or the sound; a question stays, so that
    guidance exaggerates what the picture says to it.

    Raises:
        ValueError: The text is empty or holds control tokens.
    """
    task = "t2i" if prompt.task == "inpaint" else prompt.task
    messages = prompt_for(task, text=prompt.text, question=prompt.question, seed_key=prompt.wording)
    images = []
    if prompt.image is not None and prompt.task != "inpaint":
        images.append(codecs.picture_codes(prompt.image, codecs.understanding))
    speeches: list[SpeechCodes | SpeechFeatures] = []
    heard = None
    if prompt.audio is not None and codecs.continuous:
        heard = codecs.speech_features(prompt.audio)
        speeches.append(SpeechFeatures(len(heard) + QUERIES))
    elif prompt.audio is not None:
        speeches.append(SpeechCodes(codecs.speech.encode([prompt.audio])[0]))
    sample = lay_out(messages, images, speeches, codecs.text, codecs.vocabulary, open_answer=True)
    bare = tuple(Message(message.role, _without_wish(message.content, prompt.text)) for message in messages)
    unconditional = lay_out(bare, (), (), codecs.text, codecs.vocabulary, open_answer=True)
    return LaidPrompt(
        ids=_ids(sample),
        audio=None if heard is None else _clip(heard, sample),
        unconditional=_ids(unconditional),
        text_tokens=len(codecs.text.encode(prompt.text or "")),
    )


def _without_wish(content: str, text: str | None) -> str:
    content = content.replace(IMAGE_TAG, "").replace(AUDIO_TAG, "")
    return content.removesuffix(text) if text else content


def _ids(sample: Sample) -> Tensor:
    return torch.from_numpy(sample.ids.astype(np.int64))


def _clip(heard: Tensor, sample: Sample) -> AudioClips:
    columns = torch.from_numpy(sample.continuous)
    return AudioClips(features=heard[None], lengths=torch.tensor([len(heard)]), rows=torch.zeros_like(columns), columns=columns)
