"""Objective, model and sampler together: what is trained with the loss is what the sampler reads."""

import pytest
import torch
from torch import Tensor

from omniforge.trainer.batch import TrainingSample, assemble
from omniforge.trainer.corruption import IGNORE, Objective, TokenIds, append_tail, corrupt, stratified_times
from omniforge.trainer.loss import label_weight, masked_cross_entropy, step_denominator, step_loss
from omniforge.trainer.model.attention import document_attention
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, initialise
from omniforge.trainer.sampler.config import SamplingConfig
from omniforge.trainer.sampler.inpaint import blank
from omniforge.trainer.sampler.loop import SamplingRequest, generate

LETTERS, TOKENS = 12, TokenIds(mask=13, pad=14)
RESPONSE, TAIL = 6, 2


def conversation(first: int) -> tuple[Tensor, Tensor]:
    """A prompt of one letter, answered by the letters that follow it in a circle, and pads."""
    ids = torch.tensor([15, first, *((first + 1 + index) % LETTERS for index in range(RESPONSE))])
    labels = ids.clone()
    labels[:2] = IGNORE
    return append_tail(ids, labels, TOKENS.pad, TAIL)


@pytest.mark.parametrize("objective", ["mdm", "reference"])
def test_a_model_trained_on_a_rule_generates_by_it(objective: Objective) -> None:
    torch.set_num_threads(1)
    config = DreamConfig(
        vocab_size=16,
        hidden_size=48,
        intermediate_size=96,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        mask_token_id=TOKENS.mask,
        pad_token_id=TOKENS.pad,
        initializer_range=0.1,
    )
    model = Dream(config)
    initialise(model, seed=0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    generator = torch.Generator().manual_seed(0)
    for _ in range(150):
        times = stratified_times(LETTERS, generator).tolist()
        samples = [
            TrainingSample(corrupted=corrupt(objective, *conversation(first), time, TOKENS, generator), task=0)
            for first, time in enumerate(times)
        ]
        batch = assemble([samples[:6], samples[6:]], 64, TOKENS.pad)
        readout = masked_cross_entropy(batch.labels, batch.weights)
        result = model(batch.input_ids, batch.positions, document_attention(batch.document_ids), readout)
        step_loss(result.numerator, step_denominator(label_weight(batch.labels, batch.weights))).backward()
        optimizer.step()
        optimizer.zero_grad()
    model.eval()
    conversations = [conversation(first)[0] for first in range(LETTERS)]
    requests = [SamplingRequest(prompt=ids[:2], response=blank(RESPONSE + TAIL, TOKENS.mask)) for ids in conversations]
    outputs = generate(model, requests, SamplingConfig(steps=4))
    right = torch.stack(outputs) == torch.stack([ids[2:] for ids in conversations])
    assert float(right.float().mean()) > 0.85
