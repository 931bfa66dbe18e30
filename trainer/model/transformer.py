"""The bidirectional transformer itself: token ids in, and whatever is read off the last hidden states out."""

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor, nn

from omniforge.trainer.model.attention import Attention
from omniforge.trainer.model.audio import AudioClips, AudioModel, AudioProjection
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.layers import Block, RMSNorm, rotary_angles

Result = TypeVar("Result")
Readout = Callable[[Tensor, nn.Linear], Result]
"""What is computed from the (batch, length, hidden_size) final hidden states and the output head.

It runs inside the model's forward pass, so that a sharded head is whole while it is used.
"""


def all_logits(hidden: Tensor, head: nn.Linear) -> Tensor:
    """Read out the (batch, length, vocab_size) logits of every position; position i predicts token i + 1."""
    logits: Tensor = head(hidden)
    return logits


class Backbone(nn.Module):
    """Everything below the output head.

    As in the public implementation, the embedding of the pad id gets no gradient: it stays what it was initialised to.
    """

    def __init__(self, config: DreamConfig) -> None:
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, padding_idx=config.pad_token_id)
        self.layers = nn.ModuleList(Block(config) for _ in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        if config.audio is not None:
            self.audio_model = AudioModel(config.audio)
            self.audio_projection = AudioProjection(config.audio.output_size, config.hidden_size)

    def embed(self, input_ids: Tensor, audio: AudioClips | None = None) -> Tensor:
        """Return (batch, length, hidden_size) embeddings, those of speech clips put in their places.

        Raises:
            ValueError: There are clips and the model has no speech encoder.
        """
        embeddings: Tensor = self.embed_tokens(input_ids)
        if self.config.audio is None:
            if audio is not None:
                raise ValueError(
                    "model: the batch holds speech features and the model takes speech as codes; "
                    "give its config an audio encoder or tokenise with `discrete` speech"
                )
            return embeddings
        if audio is not None:
            vectors = self.audio_projection(self.audio_model(audio.features, audio.lengths))
            return embeddings.index_put((audio.rows, audio.columns), vectors.to(embeddings.dtype))
        if self.training:
            # Every process must run the same modules in every step, or collectives of sharded parameters never meet.
            frame = embeddings.new_ones(1, 1, self.config.audio.input_size)
            unused = self.audio_projection(self.audio_model(frame, input_ids.new_ones(1)))
            embeddings = embeddings + 0.0 * unused.mean().to(embeddings.dtype)
        return embeddings

    def forward(self, embeddings: Tensor, positions: Tensor, attention: Attention, halfway: bool = False) -> Tensor:
        """Return the final (batch, length, hidden_size) hidden states; with `halfway` a stack (3, ...) of them and others.

        Those come out of the first half of the layers and out of the layer after it, and go through the last norm as the final
        ones do.
        """
        device = embeddings.device.type
        # What is rotated comes out of a projection, in the type of the matrix products.
        lower = torch.amp.is_autocast_available(device) and torch.is_autocast_enabled(device)
        dtype = torch.get_autocast_dtype(device) if lower else embeddings.dtype
        rotation = rotary_angles(positions, self.config.head_dim, self.config.rope_theta, dtype)
        hidden = embeddings
        half = len(self.layers) // 2
        states = [hidden]
        for number, layer in enumerate(self.layers, 1):
            hidden = layer(hidden, rotation, attention)
            if halfway and number <= half + 1:
                states.append(hidden)
        output: Tensor = self.norm(torch.stack((hidden, *states[half:])) if halfway else hidden)
        return output


class Dream(nn.Module):
    """A Dream-family masked diffusion model (SPEC.md section 2).

    Attention goes both ways. The prediction for token i + 1 is read at position i, a convention inherited from the
    autoregressive model that Dream was adapted from; `loss.py` and the sampler take care of the shift.
    """

    def __init__(self, config: DreamConfig) -> None:
        super().__init__()
        self.config = config
        self.model = Backbone(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)

    def forward(
        self,
        inputs: Tensor,
        positions: Tensor,
        attention: Attention,
        readout: Readout[Result],
        audio: AudioClips | None = None,
        halfway: bool = False,
    ) -> Result:
        """Run the model and return what `readout` makes of the final hidden states.

        Args:
            inputs: (batch, length) token ids, or (batch, length, hidden_size) embeddings made by `model.embed`.
            positions: (batch, length) positions of the tokens in their own documents.
            attention: What may see what.
            readout: For example `all_logits`, or a readout of `loss.py`.
            audio: Speech clips of the batch; with token ids only.
            halfway: Give `readout` a stack of the final hidden states, those in the middle, and those a layer later.
        """
        embeddings = inputs if inputs.is_floating_point() else self.model.embed(inputs, audio)
        return readout(self.model(embeddings, positions, attention, halfway), self.lm_head)


def initialise(model: Dream, seed: int) -> None:
    """Fill every parameter afresh, reproducibly on a given device.

    Matrices are normal with the config's `initializer_range`; those that write into the residual stream (`o_proj`,
    `down_proj`) are smaller by sqrt(2 * layers), which keeps its variance from growing with depth. Biases are 0 and norm
    weights 1.
    """
    std = model.config.initializer_range
    residual_std = std * (2 * model.config.num_hidden_layers) ** -0.5
    generator = torch.Generator(device=model.lm_head.weight.device).manual_seed(seed)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.zero_()
            elif parameter.ndim == 1:
                parameter.fill_(1.0)
            else:
                into_residual = name.endswith(("o_proj.weight", "down_proj.weight"))
                parameter.normal_(0.0, residual_std if into_residual else std, generator=generator)
