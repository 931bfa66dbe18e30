"""Published sampling parameters, and the lengths that responses start with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from omniforge.trainer.sampler.config import Order, SamplingConfig

REFERENCE_TOP_K = 50
"""What the reference's model config brings into every call without anybody asking (SPEC.md section 4)."""

_ORDERS: Mapping[str, Order] = {
    "entropy": "entropy",
    "entropy-penalty": "entropy",
    "maskgit_plus": "confidence",
    "topk_margin": "margin",
    "origin": "origin",
}
_PUBLISHED: Mapping[str, Mapping[str, float]] = {
    "t2i": {"repetition_penalty": 1.2, "position_penalty": 2.0},
    "s2i": {"repetition_penalty": 1.5, "position_penalty": 2.0, "guidance": 2.0},
    "tts": {"repetition_penalty": 1.2},
    "svqa": {"repetition_penalty": 1.2},
    "asr": {},
    "vqa": {},
    "caption": {},
    "chat": {},
}


@dataclass(frozen=True, slots=True)
class ResponseLength:
    """Masks to start with, and steps to fill them in."""

    tokens: int
    steps: int


def reference_config(parameters: Mapping[str, Any]) -> SamplingConfig:
    """Translate the keyword arguments of the reference's `generate` into a config that behaves exactly like it.

    `top_k` is 50 if it is not given; the repetition penalty counts only under `entropy-penalty`.

    Args:
        parameters: Any of `alg, steps, temperature, top_p, top_k, alg_temp, eps, block_size, repeat_penalty,
            max_position_penalty, cfg`; others, such as `max_new_tokens`, concern the request and are passed over.

    Raises:
        ValueError: `alg` is unknown.
    """
    alg = parameters.get("alg", "entropy")
    if alg not in _ORDERS:
        raise ValueError(f"sampling: alg {alg!r} is unknown to the reference; choose one of {', '.join(_ORDERS)}")
    block_size = parameters.get("block_size", -1)
    return SamplingConfig(
        steps=parameters.get("steps", 512),
        order=_ORDERS[alg],
        temperature=parameters.get("temperature", 0.2),
        top_p=parameters.get("top_p", 0.95),
        top_k=parameters.get("top_k", REFERENCE_TOP_K),
        order_temperature=parameters.get("alg_temp") or 0.0,
        eps=parameters.get("eps", 1e-3),
        block_size=None if block_size < 0 else block_size,
        repetition_penalty=parameters.get("repeat_penalty", 1.0) if alg == "entropy-penalty" else 1.0,
        position_penalty=parameters.get("max_position_penalty", 1.0),
        guidance=parameters.get("cfg", 0.0),
        reference=True,
    )


def task_config(task: str, steps: int) -> SamplingConfig:
    """Return the settings published for a task, with the default behaviour instead of the reference's traps.

    All take the likeliest tokens in order of entropy, out of a nucleus of 0.9 (vocabulary.json, `inference_defaults`).
    `s2i` needs an unconditional prompt in its requests.

    Raises:
        ValueError: The task is unknown.
    """
    if task not in _PUBLISHED:
        raise ValueError(f"sampling: task {task!r} is unknown; choose one of {', '.join(_PUBLISHED)}")
    settings: Mapping[str, Any] = _PUBLISHED[task]
    return SamplingConfig(steps=steps, top_p=0.9, **settings)


def speech_length(text_tokens: int) -> ResponseLength:
    """Return the length for reading `text_tokens` tokens aloud: 3.5 codes a token, two codes a step."""
    tokens = max(int(3.5 * text_tokens), 1)
    return ResponseLength(tokens, max(tokens // 2, 1))


def transcript_length(prompt_tokens: int) -> ResponseLength:
    """Return the length for a transcript of a prompt of `prompt_tokens` tokens, speech included: a fifth of it."""
    tokens = max(int(0.2 * prompt_tokens), 1)
    return ResponseLength(tokens, max(tokens // 2, 1))


def picture_length(codes: int) -> ResponseLength:
    """Return the length for a picture of `codes` codes: its two tags, the end of the turn and a newline come on top."""
    return ResponseLength(codes + 4, codes + 4)
