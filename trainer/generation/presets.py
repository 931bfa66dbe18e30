"""Sampling by task: the defaults, and the parameters of the published examples."""

from collections.abc import Mapping
from typing import Any

from omniforge.trainer.generation.tasks import GenerationTask
from omniforge.trainer.sampler.config import SamplingConfig
from omniforge.trainer.sampler.presets import reference_config

_PUBLISHED: Mapping[GenerationTask, Mapping[str, Any]] = {
    "t2i": {"alg": "entropy-penalty", "repeat_penalty": 1.2, "max_position_penalty": 2.0},
    "inpaint": {"alg": "entropy-penalty", "repeat_penalty": 1.2, "max_position_penalty": 2.0},
    "s2i": {"alg": "entropy-penalty", "repeat_penalty": 1.5, "max_position_penalty": 2.0, "cfg": 2.0},
    "svqa": {"alg": "entropy-penalty", "repeat_penalty": 1.2},
    "tts": {"alg": "entropy-penalty", "repeat_penalty": 1.2},
    "caption": {"alg": "entropy"},
    "vqa": {"alg": "entropy"},
    "asr": {"alg": "entropy"},
}
"""As in vocabulary.json, `generation`; tts and asr as in the evaluations. Repainting is ours and drawn like t2i."""

_PICTURES: tuple[GenerationTask, ...] = ("t2i", "s2i", "inpaint")


def default_sampling(task: GenerationTask, temperature: float | None = None) -> SamplingConfig:
    """Return how responses of a task are sampled: words and speech by the likeliest tokens, the surest first; pictures drawn.

    What is uncertain about a picture is where things are: while nothing is decided the background is likelier than a thing at
    every single place, so the likeliest tokens, the surest first, tend to an empty one. Tokens drawn at places in random order
    come out as the model has learnt pictures (ancestral sampling, arXiv 2406.07524). A temperature a little below 1 leaves out
    most of what a small model thinks possible and is not; docs/generation.md has what was measured.

    Only where words or speech are drawn, it is from a nucleus of 0.9: the likeliest one does not depend on it, and sorting the
    vocabulary takes longer than the model. In a picture it would cut off what is unlikely at each place.

    Args:
        task: The task.
        temperature: None is 0.7 for pictures and 0, the likeliest token, for all else.
    """
    if task in _PICTURES:
        return SamplingConfig(temperature=0.7 if temperature is None else temperature, order="random")
    drawn = temperature is not None and temperature > 0
    return SamplingConfig(temperature=temperature or 0.0, top_p=0.9 if drawn else None)


def published_sampling(task: GenerationTask) -> SamplingConfig:
    """Return the parameters of the published examples, in reference mode, their implicit top-k included."""
    return reference_config({"temperature": 0.0, "top_p": 0.9, **_PUBLISHED[task]})
