"""Prompts in, responses out: words, pictures and speech, many at once."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.lengths import picture_steps, response_length
from omniforge.trainer.generation.prompts import LaidPrompt, Prompt, lay_out_prompt
from omniforge.trainer.generation.tasks import GenerationTask
from omniforge.trainer.generation.templates import (
    Template,
    picture_template,
    repaint_template,
    speech_template,
    spoken_template,
    text_template,
)
from omniforge.trainer.model.audio import AudioClips
from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.sampler.config import SamplingConfig
from omniforge.trainer.sampler.inpaint import blank, prefill
from omniforge.trainer.sampler.loop import SamplingRequest, StepTrace, first_logits, generate

_PICTURES: tuple[GenerationTask, ...] = ("t2i", "s2i", "inpaint")


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationConfig:
    """How responses are made.

    Attributes:
        sampling: How tokens are chosen; its `steps` do not count.
        steps: Forward passes of a response; None is one for each code of a picture, one for two tokens of words or speech.
        length: Tokens to start a response in words or speech with; None is by task and prompt (`lengths.py`).
        published: Lengths of the published evaluation, whatever the model's own corpus says, and in spoken answers the speech
            begins after a fifth. Otherwise it begins where the model finds that likeliest.
        batch: Responses made at once.
    """

    sampling: SamplingConfig
    steps: int | None = None
    length: int | None = None
    published: bool = False
    batch: int = 16

    def __post_init__(self) -> None:
        for name in ("steps", "length", "batch"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"generation: {name} is {value}; give at least 1")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Response:
    """What a model made of a prompt.

    Attributes:
        ids: (response,) int64 as sampled.
        text: Words up to where they end; None where a task has none.
        codes: int64 codes of the picture or of the speech, if any.
        picture: The picture of the codes.
        sound: The speech of the codes, mono float32 [samples].
        sample_rate: Of the sound.
        decided: (codes,) int64 step in which each code of a picture was chosen, -1 where it was given.
        steps: Steps taken.
    """

    ids: NDArray[np.int64]
    text: str | None = None
    codes: NDArray[np.int64] | None = None
    picture: Image.Image | None = None
    sound: NDArray[np.float32] | None = None
    sample_rate: int | None = None
    decided: NDArray[np.int64] | None = None
    steps: int


def respond(model: Dream, codecs: Codecs, prompts: Iterable[Prompt], config: GenerationConfig) -> Iterator[Response]:
    """Yield a response to each prompt, in order, `config.batch` made at a time; each as if it had been made alone.

    Structure that a task implies is not sampled: the tags around a picture of the size the model was trained on, the tag that
    begins speech. Where the kind of a token is known, no other kind can be chosen.

    Args:
        model: In evaluation mode.
        codecs: The tokenizers it was trained with.
        prompts: Of any tasks; read a batch at a time.
        config: How.

    Raises:
        ValueError: The model does not belong to the tokenizers, or a prompt cannot be laid out.
    """
    codecs.check_model(model)
    device = model.lm_head.weight.device
    remaining = iter(prompts)
    while batch := list(islice(remaining, config.batch)):
        requests = [_request(model, codecs, prompt, config, device) for prompt in batch]
        journals = [torch.full_like(request.response, -1) for request in requests]
        masks = [request.response == codecs.vocabulary.mask for request in requests]

        def note(trace: StepTrace, journals: list[Tensor] = journals, masks: list[Tensor] = masks) -> None:
            still = trace.ids == codecs.vocabulary.mask
            journals[trace.request][masks[trace.request] & ~still] = trace.step
            masks[trace.request] = still

        sampled = generate(model, requests, config.sampling, note)
        for prompt, ids, journal in zip(batch, sampled, journals, strict=True):
            yield read_response(prompt.task, ids.cpu().numpy(), journal.cpu().numpy(), codecs)


def _request(model: Dream, codecs: Codecs, prompt: Prompt, config: GenerationConfig, device: torch.device) -> SamplingRequest:
    laid = _moved(lay_out_prompt(prompt, codecs), device)
    template, steps = _template(model, codecs, prompt, laid, config)
    allowed = template.allowed
    return SamplingRequest(
        prompt=laid.ids,
        response=template.ids.to(device),
        audio=laid.audio,
        unconditional=laid.unconditional,
        seed=prompt.seed,
        steps=config.steps or steps,
        allowed=replace(allowed, sets=allowed.sets.to(device), of_position=allowed.of_position.to(device)),
    )


def _moved(laid: LaidPrompt, device: torch.device) -> LaidPrompt:
    audio = laid.audio
    if audio is not None:
        audio = AudioClips(
            features=audio.features.to(device),
            lengths=audio.lengths.to(device),
            rows=audio.rows.to(device),
            columns=audio.columns.to(device),
        )
    return replace(laid, ids=laid.ids.to(device), audio=audio, unconditional=laid.unconditional.to(device))


def _template(model: Dream, codecs: Codecs, prompt: Prompt, laid: LaidPrompt, config: GenerationConfig) -> tuple[Template, int]:
    """Return the template of a response, and its usual steps."""
    if prompt.task in _PICTURES:
        if prompt.image is not None and prompt.cover is not None:
            return repaint_template(prompt.image, prompt.cover, codecs), picture_steps(codecs.grid**2)
        return picture_template(codecs), picture_steps(codecs.grid**2)
    fits = {} if config.published else codecs.origin.lengths
    usual = response_length(prompt.task, len(laid.ids), laid.text_tokens, fits)
    tokens, steps = (usual.tokens, usual.steps) if config.length is None else (config.length, max(config.length // 2, 1))
    if prompt.task == "tts":
        return speech_template(tokens, codecs), steps
    if prompt.task == "svqa":
        tokens = max(tokens, 4)
        return spoken_template(tokens, _speech_place(model, laid, tokens, codecs, config), codecs), steps
    return text_template(tokens, codecs), steps


def _speech_place(model: Dream, laid: LaidPrompt, tokens: int, codecs: Codecs, config: GenerationConfig) -> int:
    """Return where the words of a spoken answer end and its speech begins.

    The published example always puts it after a fifth of the response, which cuts long answers short and makes short ones
    wordy. Here it is where the model, all of the answer being open, thinks the tag likeliest in the first half.
    """
    vocabulary = codecs.vocabulary
    masks = blank(tokens, vocabulary.mask)
    if config.published:
        filled = prefill(masks, vocabulary.begin_of_audio, len(laid.ids))
        return int((filled == vocabulary.begin_of_audio).nonzero()[0, 0])
    device = laid.ids.device
    request = SamplingRequest(prompt=laid.ids, response=masks.to(device), audio=laid.audio)
    logits = first_logits(model, request, SamplingConfig(), torch.arange(1, tokens // 2 + 1, device=device))
    return 1 + int(logits.log_softmax(dim=-1)[:, vocabulary.begin_of_audio].argmax())


def read_response(task: GenerationTask, ids: NDArray[np.int64], decided: NDArray[np.int64], codecs: Codecs) -> Response:
    """Turn sampled ids into what they stand for.

    Args:
        task: What was asked for.
        ids: (response,) int64.
        decided: (response,) int64 step in which each was chosen, -1 where it was given.
        codecs: The tokenizers.
    """
    vocabulary, steps = codecs.vocabulary, int(decided.max()) + 1
    if task in _PICTURES:
        span = slice(1, 1 + codecs.grid**2)
        codes = vocabulary.image_codes(ids[span]).astype(np.int64)
        return Response(ids=ids, codes=codes, picture=codecs.picture(codes), decided=decided[span], steps=steps)
    begins = np.flatnonzero(ids == vocabulary.begin_of_audio)
    words = ids[: begins[0]] if len(begins) else ids
    text = codecs.text.decode(_until(words, range(codecs.text.size)).tolist()).strip() if task != "tts" else None
    if not len(begins):
        return Response(ids=ids, text=text, steps=steps)
    codes = vocabulary.speech_codes(_until(ids[begins[0] + 1 :], vocabulary.speech)).astype(np.int64)
    (sound,) = codecs.speech.decode([codes])
    return Response(ids=ids, text=text, codes=codes, sound=sound, sample_rate=codecs.speech.output_rate, steps=steps)


def _until(ids: NDArray[np.int64], kind: range) -> NDArray[np.int64]:
    """Cut ids before the first that is not of a kind."""
    strangers = np.flatnonzero((ids < kind.start) | (ids >= kind.stop))
    return ids[: strangers[0]] if len(strangers) else ids
