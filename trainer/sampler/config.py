"""Everything that steers how a response is filled in."""

from dataclasses import dataclass
from typing import Literal, get_args

Order = Literal["entropy", "confidence", "margin", "random", "origin"]
"""Which masked positions are filled first.

`entropy`: those with the most certain distribution; `confidence`: the likeliest choice; `margin`: the largest lead of the
best over the second-best token; `random`: any. These fill a scheduled number of positions at each step. `origin`: every
position is filled with the step's probability, independently and without regard to blocks.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class SamplingConfig:
    """How to sample; docs/sampling.md compares the default behaviour with the `reference` one.

    Attributes:
        steps: Forward passes, never more than there are tokens to fill; a block whose share is less than one adds one.
        order: Which positions come first.
        temperature: 0 takes the likeliest token; above, tokens are drawn.
        top_p: Tokens beyond this cumulative probability are dropped; also shapes the confidences at temperature 0.
        top_k: Only this many best tokens stay; None keeps all.
        order_temperature: 0 fills the best positions; above, positions are drawn from softmax(confidence / this).
        eps: End of the time grid that runs from 1.
        block_size: Tokens of a block; blocks are filled from left to right. None is one block.
        repetition_penalty: Above 1, ids that the response holds already become less likely.
        position_penalty: Above 1, positions far to the right become less certain while more than 100 are masked.
        guidance: Classifier-free guidance; logits = u + (guidance + 1) * (c - u). 0 is off.
        reference: Behave exactly like the public implementation, its traps included.
    """

    steps: int = 64
    order: Order = "entropy"
    temperature: float = 0.0
    top_p: float | None = None
    top_k: int | None = None
    order_temperature: float = 0.0
    eps: float = 1e-3
    block_size: int | None = None
    repetition_penalty: float = 1.0
    position_penalty: float = 1.0
    guidance: float = 0.0
    reference: bool = False

    def __post_init__(self) -> None:
        allowed = {
            "steps": self.steps >= 1,
            "order": self.order in get_args(Order),
            "temperature": self.temperature >= 0,
            "top_p": self.top_p is None or 0 < self.top_p <= 1,
            "top_k": self.top_k is None or self.top_k >= 1,
            "order_temperature": self.order_temperature >= 0,
            "eps": 0 < self.eps < 1,
            "block_size": self.block_size is None or self.block_size >= 1,
            "repetition_penalty": self.repetition_penalty > 0,
            "position_penalty": self.position_penalty > 0,
            "guidance": self.guidance >= 0,
        }
        for name, valid in allowed.items():
            if not valid:
                raise ValueError(f"sampling: {name} {getattr(self, name)!r} is outside its range; see SamplingConfig")
