"""The Dream backbone and its speech input against the public implementation (SPEC.md section 2)."""

import json
from dataclasses import replace
from typing import Any

import pytest
import torch
from reference_data import parity_folder
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig, sensevoice_config
from omniforge.tokenizers.weights import load_strict
from omniforge.trainer.loss import masked_cross_entropy, step_loss
from omniforge.trainer.model.attention import Attention, DenseAttention, padded_attention, reference_attention
from omniforge.trainer.model.audio import AudioClips
from omniforge.trainer.model.config import DreamConfig, dream_config
from omniforge.trainer.model.transformer import Dream, all_logits

FOLDER = parity_folder("dream")
CONFIG: dict[str, Any] = json.loads((FOLDER / "config.json").read_text())
TOLERANCE = {"atol": 1e-4, "rtol": 1e-4}


@pytest.fixture(scope="module")
def model() -> Dream:
    torch.set_num_threads(1)
    network = Dream(replace(dream_config(CONFIG["dream"]), audio=sensevoice_config(CONFIG["sensevoice_encoder"]))).eval()
    load_strict(network, load_file(FOLDER / "weights.safetensors"), "the fixture")
    return network


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(FOLDER / "inputs.safetensors") | load_file(FOLDER / "outputs.safetensors")


def counted(ids: Tensor) -> Tensor:
    return torch.arange(ids.shape[1]).expand_as(ids)


def clips(tensors: dict[str, Tensor]) -> AudioClips:
    names = [name for name in sorted(tensors) if name.startswith("audio.feats_")]
    indices = [tensors[name.replace("feats", "indices")].flatten(start_dim=1) for name in names]
    return AudioClips(
        features=pad_sequence([tensors[name] for name in names], batch_first=True),
        lengths=torch.tensor([len(tensors[name]) for name in names]),
        rows=torch.cat([index[0] for index in indices]),
        columns=torch.cat([index[1] for index in indices]),
    )


@torch.no_grad()
def test_logits_and_hidden_states_of_full_attention(model: Dream, tensors: dict[str, Tensor]) -> None:
    hidden: list[Tensor] = []
    modules = [model.model.embed_tokens, *list(model.model.layers)[:-1], model.model.norm]
    hooks = [module.register_forward_hook(lambda _module, _inputs, output: hidden.append(output)) for module in modules]
    ids = tensors["full.input_ids"]
    logits = model(ids, counted(ids), DenseAttention(), all_logits)
    for hook in hooks:
        hook.remove()
    torch.testing.assert_close(logits, tensors["full.logits"], **TOLERANCE)
    for index, states in enumerate(hidden):
        torch.testing.assert_close(states, tensors[f"full.hidden_{index}"], **TOLERANCE)


@torch.no_grad()
def test_logits_do_not_see_padding_keys(model: Dream, tensors: dict[str, Tensor]) -> None:
    ids, lengths = tensors["padmask.input_ids"], tensors["padmask.lengths"]
    real = counted(ids) < lengths[:, None]
    by_segments = padded_attention(lengths.tolist(), ids.shape[1], ids.device)
    attentions: list[Attention] = [DenseAttention(real[:, None, None]), by_segments]
    for attention in attentions:
        logits = model(ids, counted(ids), attention, all_logits)
        torch.testing.assert_close(logits[real], tensors["padmask.logits"][real], **TOLERANCE)


@torch.no_grad()
def test_logits_of_the_reference_packed_attention(model: Dream, tensors: dict[str, Tensor]) -> None:
    positions = tensors["packed.position_ids"]
    attention = reference_attention(positions, tensors["packed.attention_mask"])
    logits = model(tensors["packed.input_ids"], positions, attention, all_logits)
    real = tensors["packed.attention_mask"].bool()
    torch.testing.assert_close(logits[real], tensors["packed.logits"][real], **TOLERANCE)


def test_loss_and_gradients_of_a_packed_row(model: Dream, tensors: dict[str, Tensor]) -> None:
    labels, positions = tensors["loss.labels"], tensors["loss.position_ids"]
    attention = reference_attention(positions, tensors["loss.attention_mask"])
    readout = masked_cross_entropy(labels, torch.ones(labels.shape), logit_rows=3)
    result = model(tensors["loss.input_ids"], positions, attention, readout)
    loss = step_loss(result.numerator, result.denominator)
    assert float(loss.detach()) == pytest.approx(float(tensors["loss.loss"]), abs=1e-5)
    model.zero_grad()
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    for name in (key.removeprefix("grad.") for key in tensors if key.startswith("grad.")):
        torch.testing.assert_close(gradients[name], tensors[f"grad.{name}"], rtol=1e-3, atol=1e-5)
    norms = {name: float(gradients[name].norm()) for name in CONFIG["grad_norms"]}
    assert norms == pytest.approx(CONFIG["grad_norms"], rel=1e-3)
    model.zero_grad()


@torch.no_grad()
def test_speech_vectors_replace_embeddings(model: Dream, tensors: dict[str, Tensor]) -> None:
    audio, ids = clips(tensors), tensors["audio.input_ids"]
    encoded = model.model.audio_model(audio.features, audio.lengths)
    lengths = tensors["audio.encoder_lens"].tolist()
    for part, expected, length in zip(encoded.split(lengths), tensors["audio.encoder_out"], lengths, strict=True):
        torch.testing.assert_close(part, expected[:length], **TOLERANCE)
    projected = model.model.audio_projection(encoded)
    for part, expected, length in zip(projected.split(lengths), tensors["audio.projected"], lengths, strict=True):
        torch.testing.assert_close(part, expected[:length], **TOLERANCE)
    logits = model(ids, counted(ids), DenseAttention(), all_logits, audio)
    torch.testing.assert_close(logits, tensors["audio.logits"], **TOLERANCE)


def test_the_full_size_model_has_exactly_the_published_keys() -> None:
    path = FOLDER / "keys_full.json"
    if not path.is_file():
        return
    published = json.loads(path.read_text())
    with torch.device("meta"):
        network = Dream(DreamConfig(audio=SenseVoiceConfig())).to(torch.bfloat16)
    own = {key: [list(value.shape), str(value.dtype).removeprefix("torch.")] for key, value in network.state_dict().items()}
    assert own == published["keys"]
