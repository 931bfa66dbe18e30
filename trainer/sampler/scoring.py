"""From the logits of masked positions to one token and one confidence for each."""

import torch
from torch import Tensor

from omniforge.trainer.sampler.config import Order, SamplingConfig
from omniforge.trainer.sampler.penalties import penalise_positions, penalise_repetition

_LOG_FLOOR = 1e-10


def shape_logits(logits: Tensor, config: SamplingConfig, repeated: Tensor) -> Tensor:
    """Apply temperature, top-p, top-k, repetition and position penalty, in the reference's order.

    Args:
        logits: (rows, vocab_size) float32, a row for each masked position from left to right.
        config: What to apply.
        repeated: 1-D int64, the distinct ids that the repetition penalty is for.
    """
    if config.temperature > 0:
        logits = logits / config.temperature
    if config.top_p is not None and config.top_p < 1:
        logits = _keep_nucleus(logits, config.top_p)
    if config.top_k is not None:
        logits = _keep_best(logits, config.top_k)
    logits = penalise_repetition(logits, repeated, config.repetition_penalty)
    return penalise_positions(logits, config.position_penalty)


def choose(logits: Tensor, temperature: float, order: Order, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose a token for each row and say how sure that was.

    Args:
        logits: (rows, vocab_size) float32 of `shape_logits`.
        temperature: 0 takes the likeliest token, anything else draws one a row.
        order: Meaning of the confidence: probability of the choice (`confidence`), lead over the second best (`margin`),
            negative entropy in nats (`entropy`), a uniform draw (`random`). `origin` needs none and gets the probability.
        generator: On the device of the logits.

    Returns:
        (rows,) int64 choices and (rows,) float32 confidences, higher is surer.
    """
    probabilities = logits.softmax(dim=-1)
    if temperature > 0:
        # Normalised once more, as torch.distributions.Categorical does: equal draws need equal bits.
        drawn = torch.multinomial(probabilities / probabilities.sum(dim=-1, keepdim=True), 1, True, generator=generator)
        choices, confidence = drawn[:, 0], probabilities.gather(1, drawn)[:, 0]
    else:
        confidence, choices = probabilities.max(dim=-1)
    if order == "margin":
        best = probabilities.topk(2, dim=-1).values
        confidence = best[:, 0] - best[:, 1]
    elif order == "entropy":
        confidence = (probabilities * (probabilities + _LOG_FLOOR).log()).sum(dim=-1)
    elif order == "random":
        confidence = torch.rand(len(logits), generator=generator, device=logits.device)
    return choices, confidence


def pick(confidence: Tensor, count: int, order_temperature: float, generator: torch.Generator) -> Tensor:
    """Return the (count,) indices of the positions to fill: the surest, or drawn from softmax(confidence / temperature)."""
    if order_temperature > 0:
        return torch.multinomial((confidence / order_temperature).softmax(dim=-1), count, generator=generator)
    return confidence.topk(count).indices


def _keep_nucleus(logits: Tensor, top_p: float) -> Tensor:
    """Drop every token before which the sorted probabilities already sum up to more than `top_p`."""
    ordered, indices = logits.sort(dim=-1, descending=True)
    beyond = ordered.softmax(dim=-1).cumsum(dim=-1) > top_p
    dropped = torch.zeros_like(beyond)
    dropped[:, 1:] = beyond[:, :-1]
    return logits.masked_fill(torch.zeros_like(dropped).scatter(1, indices, dropped), torch.finfo(logits.dtype).min)


def _keep_best(logits: Tensor, top_k: int) -> Tensor:
    worst_kept = logits.topk(min(top_k, logits.shape[1])).values[:, -1:]
    return logits.masked_fill(logits < worst_kept, torch.finfo(logits.dtype).min)
