"""Giving a trained text model more to talk about: new token ids, and a speech encoder."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig
from omniforge.tokenizers.weights import load_strict
from omniforge.trainer.model.audio import AudioModel, AudioProjection
from omniforge.trainer.model.transformer import Dream

_OUTPUT_NOISE = 0.1


def grow_vocabulary(model: Dream, vocab_size: int, trained_rows: int, seed: int) -> None:
    """Give `model` an embedding and a head of `vocab_size` rows, of which the first `trained_rows` stay.

    A new input row is drawn, dimension by dimension, from the normal distribution of the trained rows, so it looks like
    any token and no two are alike. A new output row is the MEAN of the trained ones plus a tenth of their deviation: at
    first a new token is about as likely as an average old one, and tens of thousands of codes take hardly any
    probability away from text.

    Dream's own head has more rows than its tokenizer has ids; those beyond `trained_rows` count as new.

    Args:
        model: Changed in place.
        vocab_size: Ids of the new vocabulary, for example 176,264.
        trained_rows: Ids that the model was trained with, for example 151,667 of Dream; they keep their meaning.
        seed: Of the new rows.

    Raises:
        ValueError: `trained_rows` is larger than the old or the new vocabulary.
    """
    if not 1 <= trained_rows <= min(vocab_size, model.config.vocab_size):
        raise ValueError(
            f"vocabulary growth: {trained_rows} trained rows, but the model has {model.config.vocab_size} and is to have "
            f"{vocab_size}; ids can be added at the end, not taken away"
        )
    config = replace(model.config, vocab_size=vocab_size)
    old_input, old_output = model.model.embed_tokens.weight.data, model.lm_head.weight.data
    generator = torch.Generator(device=old_input.device).manual_seed(seed)
    embedding = nn.Embedding(vocab_size, config.hidden_size, padding_idx=config.pad_token_id, device=old_input.device)
    head = nn.Linear(config.hidden_size, vocab_size, bias=False, device=old_input.device)
    embedding.weight.data = _extend(old_input[:trained_rows], vocab_size, 1.0, generator)
    head.weight.data = _extend(old_output[:trained_rows], vocab_size, _OUTPUT_NOISE, generator)
    model.model.embed_tokens, model.lm_head = embedding, head
    model.config = model.model.config = config


def attach_audio(model: Dream, audio: SenseVoiceConfig, weights: Mapping[str, Tensor], seed: int) -> None:
    """Give `model` a speech encoder with published weights, and a fresh projection to its own width.

    Projection matrices are normal with standard deviation (inputs) ** -0.5.

    Args:
        model: A model without a speech encoder; changed in place.
        audio: Sizes of the encoder.
        weights: State of SenseVoiceSmall by its own names (`encoder.*`, `ctc.*`, `embed.weight`).
        seed: Of the projection.

    Raises:
        ValueError: The model has an encoder already, or the weights do not fit.
    """
    if model.config.audio is not None:
        raise ValueError("speech encoder: the model has one already; load its weights into `model.audio_model` instead")
    like = model.lm_head.weight
    encoder = AudioModel(audio)
    load_strict(encoder.model, weights, "the speech encoder")
    projection = AudioProjection(audio.output_size, model.config.hidden_size)
    generator = torch.Generator().manual_seed(seed)
    for matrix in (parameter for parameter in projection.parameters() if parameter.ndim > 1):
        matrix.data.normal_(0.0, matrix.shape[1] ** -0.5, generator=generator)
    model.model.audio_model, model.model.audio_projection = encoder.to(like), projection.to(like)
    model.config = model.model.config = replace(model.config, audio=audio)


def _extend(rows: Tensor, count: int, noise: float, generator: torch.Generator) -> Tensor:
    deviation, mean = torch.std_mean(rows.float(), dim=0, correction=0)
    fresh = torch.randn(count - len(rows), rows.shape[1], generator=generator, device=rows.device)
    return torch.cat((rows, (mean + noise * deviation * fresh).to(rows.dtype)))
