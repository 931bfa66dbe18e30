"""Iterative unmasking of a batch of responses; each comes out as if it had been sampled alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from omniforge.trainer.model.audio import AudioClips
from omniforge.trainer.model.transformer import Dream
from omniforge.trainer.sampler.allowed import Allowed
from omniforge.trainer.sampler.config import SamplingConfig
from omniforge.trainer.sampler.denoiser import predict
from omniforge.trainer.sampler.guidance import guided_predict
from omniforge.trainer.sampler.schedule import Block, fill_count, fill_probability, plan_blocks
from omniforge.trainer.sampler.scoring import choose, pick, shape_logits


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingRequest:
    """One response to make.

    Attributes:
        prompt: (prompt,) int64 ids.
        response: (response,) int64; the mask id is filled in, every other id stays (`inpaint.py` makes such templates).
        audio: Speech clips of the prompt, all of row 0; None if there are none.
        unconditional: (unconditional,) int64 prompt to compare with; needed by guidance.
        seed: Of this request's draws.
        steps: Of this request, in place of the config's.
        allowed: Which ids may be chosen where; None is every id everywhere.
    """

    prompt: Tensor
    response: Tensor
    audio: AudioClips | None = None
    unconditional: Tensor | None = None
    seed: int = 0
    steps: int | None = None
    allowed: Allowed | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class StepTrace:
    """What one step did to one request.

    Attributes:
        request: Number of the request.
        step: Steps made before, all blocks counted.
        ids: (response,) int64 after the step.
        scored: (n,) int64 response positions that were scored.
        choices: (n,) int64 token chosen for each.
        confidence: (n,) float32, higher is surer.
    """

    request: int
    step: int
    ids: Tensor
    scored: Tensor
    choices: Tensor
    confidence: Tensor


@dataclass(slots=True, kw_only=True)
class _Row:
    """A response on its way."""

    number: int
    prompt: Tensor
    unconditional: Tensor | None
    ids: Tensor
    blocks: list[Block]
    generator: torch.Generator
    allowed: Allowed | None
    block_step: int = 0
    steps: int = 0


@torch.no_grad()
def generate(
    model: Dream,
    requests: Sequence[SamplingRequest],
    config: SamplingConfig,
    on_step: Callable[[StepTrace], None] | None = None,
) -> list[Tensor]:
    """Fill in the responses of all requests in one batch.

    Every request has its own length, schedule and generator, so neither the other requests nor their order change it.

    Args:
        model: In evaluation mode.
        requests: Ids on the model's device.
        config: How to sample.
        on_step: Called after every step of every request.

    Returns:
        (response,) int64 ids of each request. The mask id is left only in reference mode (blocks without a step, or a
        model that predicts it).

    Raises:
        ValueError: Guidance is on and a request has no unconditional prompt, or the model is in training mode.
    """
    if model.training:
        raise ValueError("sampling: the model is in training mode; call model.eval() first")
    rows = [_start(model, number, request, config) for number, request in enumerate(requests)]
    mask = model.config.mask_token_id
    while active := [row for row in rows if _find_block(row, mask, config)]:
        wanted = [(row.ids == mask).nonzero()[:, 0] for row in active]
        for row, positions, logits in zip(active, wanted, _logits(model, active, wanted, config), strict=True):
            _fill(row, positions, logits, model, config, on_step)
    return [row.ids for row in rows]


@torch.no_grad()
def first_logits(model: Dream, request: SamplingRequest, config: SamplingConfig, positions: Tensor) -> Tensor:
    """Return the (positions, vocab_size) float32 guided logits that the first step of `generate` would see.

    Args:
        model: In evaluation mode.
        request: The request.
        config: `guidance` and `reference` count.
        positions: (positions,) int64 relative to the response's start; negative ones lie in the prompt.
    """
    return _logits(model, [_start(model, 0, request, config)], [positions], config)[0]


def _start(model: Dream, number: int, request: SamplingRequest, config: SamplingConfig) -> _Row:
    if config.guidance > 0 and request.unconditional is None:
        raise ValueError(f"sampling: guidance {config.guidance} needs an unconditional prompt; request {number} has none")
    unconditional = None if request.unconditional is None else model.model.embed(request.unconditional[None])[0]
    paced = config if request.steps is None else replace(config, steps=request.steps)
    return _Row(
        number=number,
        prompt=model.model.embed(request.prompt[None], request.audio)[0],
        unconditional=unconditional,
        ids=request.response.clone(),
        blocks=plan_blocks(request.response == model.config.mask_token_id, paced),
        generator=torch.Generator(device=request.response.device).manual_seed(request.seed),
        allowed=request.allowed,
    )


def _find_block(row: _Row, mask: int, config: SamplingConfig) -> bool:
    """Move on to the next block that has a step left and something to fill; say whether there is one.

    The reference goes through all steps of a block as long as there is a mask anywhere, and once its block is full fills
    positions of others.
    """
    while row.blocks:
        block = row.blocks[0]
        region = row.ids if config.reference else row.ids[block.start : block.stop]
        if row.block_step < block.steps and bool((region == mask).any()):
            return True
        row.blocks.pop(0)
        row.block_step = 0
    return False


def _logits(model: Dream, rows: Sequence[_Row], wanted: Sequence[Tensor], config: SamplingConfig) -> list[Tensor]:
    responses = [model.model.embed_tokens(row.ids) for row in rows]
    absolute = [positions + len(row.prompt) for row, positions in zip(rows, wanted, strict=True)]
    prompts = [row.prompt for row in rows]
    alone = [row.unconditional for row in rows if row.unconditional is not None]
    if config.guidance > 0:
        return guided_predict(model, prompts, alone, responses, absolute, config.guidance, misaligned=config.reference)
    sequences = [torch.cat(parts) for parts in zip(prompts, responses, strict=True)]
    return predict(model, sequences, absolute)


def _fill(
    row: _Row,
    masked: Tensor,
    logits: Tensor,
    model: Dream,
    config: SamplingConfig,
    on_step: Callable[[StepTrace], None] | None,
) -> None:
    block = row.blocks[0]
    if not config.reference:
        logits = logits.clone()
        logits[:, model.config.mask_token_id] = -torch.inf
    if config.order == "origin":
        probability = fill_probability(row.block_step, block.steps, config.eps)
        opened = torch.rand(len(masked), generator=row.generator, device=logits.device) < probability
        masked, logits = masked[opened], logits[opened]
    choices, confidence = _score(row, masked, logits, model, config)
    taken = torch.arange(len(masked), device=logits.device)
    if config.order != "origin":
        inside = (masked >= block.start) & (masked < block.stop)
        confidence = confidence.masked_fill(~inside, -torch.inf)
        count = fill_count(int(inside.sum()), row.block_step, block.steps, config.eps)
        taken = pick(confidence, count, config.order_temperature, row.generator)
    row.ids[masked[taken]] = choices[taken]
    row.block_step += 1
    row.steps += 1
    if on_step is not None:
        trace = StepTrace(
            request=row.number,
            step=row.steps - 1,
            ids=row.ids.clone(),
            scored=masked,
            choices=choices,
            confidence=confidence,
        )
        on_step(trace)


def _score(row: _Row, masked: Tensor, logits: Tensor, model: Dream, config: SamplingConfig) -> tuple[Tensor, Tensor]:
    """Return (n,) int64 choices for the (n,) masked positions and (n,) float32 confidences."""
    repeated = _repeated(row, model, config)
    if row.allowed is None:
        return choose(shape_logits(logits, config, repeated), config.temperature, config.order, row.generator)
    narrowed, ids = row.allowed.narrow(logits, masked)
    shaped = shape_logits(narrowed, config, torch.isin(ids, repeated).nonzero()[:, 0])
    choices, confidence = choose(shaped, config.temperature, config.order, row.generator)
    return ids[choices], confidence


def _repeated(row: _Row, model: Dream, config: SamplingConfig) -> Tensor:
    """Return the ids that the repetition penalty is for: those of the response, but not those that carry no content.

    The reference leaves out the first step and id 0, and counts pads.
    """
    exempt = [model.config.mask_token_id, 0 if config.reference else model.config.pad_token_id]
    present: Tensor = torch.unique(row.ids)
    if config.reference and row.steps == 0:
        return present[:0]
    return present[~torch.isin(present, torch.tensor(exempt, device=present.device))]
