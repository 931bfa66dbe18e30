"""The speech tokenizer of GLM-4-Voice: log-mel frames to codes, 12.5 a second (SPEC.md section 6)."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from omniforge.tokenizers.glm4voice.config import EncoderConfig
from omniforge.tokenizers.glm4voice.encoder_layer import CausalConv1d, EncoderLayer, block_causal_bias

MARGIN_EPSILON = 1e-5
"""Codes with a smaller margin may differ where utterances go through the network together, or on another device.

On a CPU, companions move squared distances by up to 5e-7 of the squared lengths.
"""


class SpeechEncoder(nn.Module):
    """The encoder up to its codebook, under the key names of the published model (GV modeling_whisper.py).

    Layers above the quantised one exist only for the recogniser it was trained in, and are not part of the tokenizer.
    """

    ema_count: Tensor
    ema_weight: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        width, codes = config.d_model, config.quantize_vocab_size
        self.conv1 = CausalConv1d(config.num_mel_bins, width, 3)
        self.conv2 = CausalConv1d(width, width, 3, stride=2)
        self.embed_positions = nn.Embedding(config.max_source_positions, width)
        self.layers = nn.ModuleList(
            EncoderLayer(width, config.encoder_attention_heads, config.encoder_ffn_dim) for _ in range(config.quantize_position)
        )
        self.codebook = nn.Embedding(codes, width)
        self.embed_positions2 = nn.Embedding(config.max_source_positions // config.pooling_kernel_size, width)
        self.register_buffer("ema_count", torch.ones(codes))
        self.register_buffer("ema_weight", torch.zeros(codes, width))

    def hidden(self, mel: Tensor, valid: Tensor) -> Tensor:
        """Run the layers up to the quantised one.

        Args:
            mel: Log-mel features, [batch, mels, frames at 100 Hz], at most 30 s.
            valid: True for the mel frames of the utterance, [batch, frames].

        Returns:
            States before quantisation, [batch, codes, d_model].
        """
        config = self.config
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(mel)))).transpose(1, 2)
        x = x + self.embed_positions.weight[: x.shape[1]]
        valid, block = valid[:, ::2], config.quantize_causal_block_size
        bias = block_causal_bias(valid, block)
        pool = config.pooling_kernel_size
        for number, layer in enumerate(self.layers, start=1):
            x = layer(x, bias)
            if number == config.pooling_position:
                x = functional.pad(x, (0, 0, 0, -x.shape[1] % pool))
                x = functional.avg_pool1d(x.transpose(1, 2), pool).transpose(1, 2)
                bias = block_causal_bias(valid[:, ::pool], block // pool)
        return x

    def quantise(self, hidden: Tensor) -> Tensor:
        """Return the nearest codebook row of each state, int64 [batch, codes]; the first of equally near ones."""
        return self._distances(hidden).argmin(dim=-1)

    def margins(self, hidden: Tensor) -> Tensor:
        """Return how much nearer the nearest row is than the second, [batch, codes].

        It is the difference of the squared distances, divided by the sum of the squared lengths of state and row: rounding
        of the distances is of that scale.
        """
        nearest, second = self._distances(hidden).topk(2, dim=-1, largest=False).values.unbind(-1)
        lengths = hidden.square().sum(-1) + self.codebook(self.quantise(hidden)).square().sum(-1)
        margins: Tensor = (second - nearest) / lengths
        return margins

    def _distances(self, hidden: Tensor) -> Tensor:
        rows = self.codebook.weight
        flat = hidden.reshape(-1, hidden.shape[-1])
        # The expanded square is the reference's order of operations: near ties depend on it.
        distances = flat.square().sum(1, keepdim=True) + rows.square().sum(1) - 2 * flat @ rows.T
        return distances.view(*hidden.shape[:-1], len(rows))

    def forward(self, mel: Tensor, valid: Tensor) -> tuple[Tensor, Tensor]:
        """Quantise (see `hidden` for the arguments).

        Returns:
            Codes, int64 [batch, codes], meaningless beyond an utterance's end; and the quantised states plus their
            positions, [batch, codes, d_model].
        """
        codes = self.quantise(self.hidden(mel, valid))
        quantised = self.codebook(codes) + self.embed_positions2.weight[: codes.shape[1]]
        return codes, quantised
