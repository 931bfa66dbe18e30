"""How many masks a response starts with, and in how many steps they are filled."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from omniforge.pipeline.catalog import connect, rows
from omniforge.pipeline.reference import Dataset
from omniforge.trainer.sampler.presets import ResponseLength, picture_length, speech_length, transcript_length

_TAIL = 8
"""Pads that follow a response in training are 1 to 16; with these masks on top, an end can be set where it belongs."""

_PUBLISHED: Mapping[str, int] = {"caption": 64, "vqa": 64, "svqa": 128}
"""Masks of the published examples, for tasks whose responses have no length of their own (vocabulary.json)."""

_LEAST_EXPLAINED = 0.1
"""Share of the variance of responses that their prompts have to explain."""

_FITS = """
    with kinds as (select key, any_value(kind) as kind from records group by key),
    answers as (
        select task, loss_tokens as response, length - loss_tokens as prompt,
            coalesce(kinds.kind, '') = 'chat' and task <> 'chat' as of_conversation
        from samples left join kinds on samples.record = kinds.key where split = 'train'),
    single as (select distinct task from answers where not of_conversation)
    select task, regr_intercept(response, prompt) as base, regr_slope(response, prompt) as slope, avg(response) as mean,
        stddev_pop(response) as deviation, regr_r2(response, prompt) as explained
    from answers where not of_conversation or task not in (from single)
    group by task order by task"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LengthFit:
    """What a corpus says of the length of a task's responses, given that of their prompts.

    A prompt of n tokens is answered by about `base + per_prompt_token * n`, give or take `spread` (one standard deviation).
    """

    base: float
    per_prompt_token: float
    spread: float

    def tokens(self, prompt_tokens: int) -> int:
        """Return a number of masks that most responses to such a prompt fit into."""
        return max(math.ceil(self.base + self.per_prompt_token * prompt_tokens + self.spread), 1) + _TAIL


def fit_lengths(dataset: Dataset) -> dict[str, LengthFit]:
    """Fit a line for each task of a token dataset by least squares over its training samples.

    Conversations, whose samples hold several answers, count only for a task that has nothing else.
    """
    connection = connect(dataset)
    try:
        found = list(rows(connection, _FITS))
    finally:
        connection.close()
    return {row["task"]: _fit(row) for row in found}


def _fit(row: Mapping[str, float | None]) -> LengthFit:
    """Read one task: a line where longer prompts go with longer responses, else the mean.

    A falling line, or one that explains next to nothing, is chance and would lead astray beyond the prompts of the corpus.
    """
    mean, deviation = row["mean"] or 0.0, row["deviation"] or 0.0
    base, slope, explained = row["base"], row["slope"], row["explained"]
    if base is None or slope is None or explained is None or not (slope > 0 and explained > _LEAST_EXPLAINED):
        return _same_each_time(mean, 0.0, deviation)
    return _same_each_time(base, slope, deviation * math.sqrt(max(0.0, 1 - explained)))


def _same_each_time(base: float, per_prompt_token: float, spread: float) -> LengthFit:
    """Leave out the last digits, which depend on the order in which threads add up a large corpus."""
    return LengthFit(base=round(base, 9), per_prompt_token=round(per_prompt_token, 9), spread=round(spread, 9))


def response_length(task: str, prompt_tokens: int, text_tokens: int, fits: Mapping[str, LengthFit]) -> ResponseLength:
    """Return the masks to start with and the steps, of a response in text or speech.

    From the fit of the corpus that the model was trained on where there is one; otherwise as the published evaluation does it.

    Args:
        task: The task.
        prompt_tokens: Length of the prompt, speech and pictures included.
        text_tokens: Length of the text to be spoken (tts).
        fits: By task.
    """
    if task in fits:
        tokens = fits[task].tokens(prompt_tokens)
        return ResponseLength(tokens, max(tokens // 2, 1))
    if task == "tts":
        return speech_length(text_tokens)
    if task == "asr":
        return transcript_length(prompt_tokens)
    return ResponseLength(_PUBLISHED[task], _PUBLISHED[task])


def picture_steps(codes: int) -> int:
    """Return the steps for a picture of `codes` codes: as published, one for each and for its tags."""
    return picture_length(codes).steps
