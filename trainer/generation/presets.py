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

_POSITION_PENALTY: Mapping[GenerationTask, float] = {"t2i": 2.0, "s2i": 2.0, "inpaint": 2.0}


def default_sampling(task: GenerationTask, temperature: float = 0.0) -> SamplingConfig:
    """Return the likeliest tokens, the surest first; the ends of large pictures held back as published.

    Only where tokens are drawn, it is from a nucleus of 0.9: the likeliest one does not depend on it, and sorting the
    vocabulary takes longer than the model.
    """
    return SamplingConfig(
        temperature=temperature,
        top_p=0.9 if temperature > 0 else None,
        position_penalty=_POSITION_PENALTY.get(task, 1.0),
    )


def published_sampling(task: GenerationTask) -> SamplingConfig:
    """Return the parameters of the published examples, in reference mode, their implicit top-k included."""
    return reference_config({"temperature": 0.0, "top_p": 0.9, **_PUBLISHED[task]})
