"""The codebook while it is trained: moving averages instead of gradients, restarts for codes nobody uses."""

import torch
from torch import Tensor, nn

from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder

_DECAY = 0.99
_DEAD_COUNT = 0.05
_RESTART_INTERVAL = 25
_UNQUANTISED_STEPS = 300
_POOL = 16384
_KMEANS_ROUNDS = 8


class MovingCodebook(nn.Module):
    """Quantise with the rows of an encoder's codebook and move them (arXiv 1711.00937, appendix A.1).

    The first steps pass states through unquantised; then the rows start from k-means over the states seen last. A row
    whose moving count falls under a twentieth of its fair share becomes one of the batch's worst quantised states.
    """

    step: Tensor
    pool: Tensor

    def __init__(self, encoder: SpeechEncoder) -> None:
        super().__init__()
        self._encoder = (encoder,)
        encoder.codebook.weight.requires_grad_(False)
        self.register_buffer("step", torch.zeros((), dtype=torch.int64))
        self.register_buffer("pool", torch.zeros(_POOL, encoder.config.d_model))

    def keep_rows(self) -> None:
        """Move the rows that the encoder came with from the first step on, instead of finding rows anew."""
        self.step.fill_(_UNQUANTISED_STEPS + 1)

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise [rows, codes, d_model], with gradients straight through.

        Returns:
            The codebook rows, of the same shape, and the mean squared distance to them.
        """
        flat = hidden.detach().flatten(0, 1)
        step = int(self.step)
        if self.training:
            self.step += 1
            if step < _UNQUANTISED_STEPS:
                self.pool = torch.cat([flat, self.pool])[:_POOL]
                return hidden, hidden.new_zeros(())
            if step == _UNQUANTISED_STEPS:
                self._start()
        (encoder,) = self._encoder
        codes = encoder.quantise(hidden.detach())
        rows = encoder.codebook.weight[codes]
        if self.training:
            self._move(flat, codes.flatten(), step)
        return hidden + (rows - hidden).detach(), (hidden - rows.detach()).square().mean()

    @torch.no_grad()
    def _start(self) -> None:
        (encoder,) = self._encoder
        rows = encoder.codebook.weight
        filled = self.pool[self.pool.abs().sum(dim=1) > 0]
        spread = torch.linspace(0, len(filled) - 1, len(rows)).long()
        rows.copy_(filled[spread])
        for _ in range(_KMEANS_ROUNDS):
            codes = encoder.quantise(filled)
            count = torch.bincount(codes, minlength=len(rows)).float()
            sums = torch.zeros_like(rows).index_add_(0, codes, filled)
            rows.copy_(torch.where(count[:, None] > 0, sums / count.clamp(min=1)[:, None], rows))
        encoder.ema_count.fill_(1.0)
        encoder.ema_weight.copy_(rows)

    @torch.no_grad()
    def _move(self, flat: Tensor, codes: Tensor, step: int) -> None:
        (encoder,) = self._encoder
        rows = encoder.codebook.weight
        encoder.ema_count.lerp_(torch.bincount(codes, minlength=len(rows)).float(), 1 - _DECAY)
        encoder.ema_weight.lerp_(torch.zeros_like(rows).index_add_(0, codes, flat), 1 - _DECAY)
        if step % _RESTART_INTERVAL == 0:
            dead = (encoder.ema_count < _DEAD_COUNT * len(flat) / len(rows)).nonzero()[:, 0]
            worst = (flat - rows[codes]).square().sum(dim=1).topk(min(len(dead), len(flat))).indices
            dead = dead[: len(worst)]
            encoder.ema_weight[dead] = flat[worst]
            encoder.ema_count[dead] = 1.0
        rows.copy_(encoder.ema_weight / encoder.ema_count.clamp(min=1e-3)[:, None])
