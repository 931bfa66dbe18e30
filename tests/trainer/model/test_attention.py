import pytest
import torch
from torch import Tensor

from omniforge.trainer.model.attention import (
    PADDING,
    Attention,
    DenseAttention,
    document_attention,
    padded_attention,
    reference_attention,
)
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, all_logits, initialise

DOCUMENTS = torch.tensor([[0] * 5 + [1] * 9 + [2] * 2 + [PADDING] * 4, [0] * 12 + [1] * 8])


def heads(seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    query, key, value = (torch.randn(2, count, 20, 8, generator=generator) for count in (6, 2, 2))
    return query, key, value


def dense() -> Attention:
    return DenseAttention((DOCUMENTS[:, :, None] == DOCUMENTS[:, None, :])[:, None])


@pytest.mark.parametrize("backend", ["flex", "segments"])
def test_back_ends_agree_with_a_dense_mask_wherever_a_token_is(backend: str) -> None:
    states = heads()
    real = (DOCUMENTS != PADDING)[:, None, :, None].expand(-1, 6, -1, 8)
    found = document_attention(DOCUMENTS, "flex" if backend == "flex" else "segments")(*states)
    torch.testing.assert_close(found[real], dense()(*states)[real], rtol=1e-4, atol=1e-5)
    assert bool(found.isfinite().all())


def test_segments_have_the_gradients_of_a_dense_mask() -> None:
    real = (DOCUMENTS != PADDING)[:, None, :, None]
    gradients = []
    for attention in (dense(), document_attention(DOCUMENTS)):
        states = [state.requires_grad_() for state in heads()]
        (attention(*states) * real).square().sum().backward()
        gradients.append([state.grad for state in states])
    for left, right in zip(*gradients, strict=True):
        torch.testing.assert_close(left, right, rtol=1e-4, atol=1e-5)


def test_segments_have_about_the_gradients_of_a_dense_mask_in_bfloat16() -> None:
    real = (DOCUMENTS != PADDING)[:, None, :, None]
    gradients = []
    for attention, low in ((dense(), False), (document_attention(DOCUMENTS), True)):
        states = [state.requires_grad_() for state in heads()]
        with torch.autocast("cpu", torch.bfloat16, enabled=low):
            (attention(*states) * real).float().square().sum().backward()
        gradients.append([state.grad for state in states])
    for exact, rounded in zip(*gradients, strict=True):
        torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0.1)


def test_padded_attention_hides_what_is_beyond_each_length() -> None:
    query, key, value = heads()
    attention = padded_attention([20, 7], 20, query.device)
    found = attention(query, key, value)
    alone = DenseAttention()(query[1:, :, :7], key[1:, :, :7], value[1:, :, :7])
    torch.testing.assert_close(found[1:, :, :7], alone, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(found[:1], DenseAttention()(query[:1], key[:1], value[:1]), rtol=1e-4, atol=1e-5)


def test_reference_attention_shows_padding_keys_to_the_last_document_alone() -> None:
    positions = torch.tensor([[0, 1, 2, 0, 1, 2]])
    attention = reference_attention(positions, torch.tensor([[1, 1, 1, 1, 1, 0]]))
    assert isinstance(attention, DenseAttention)
    assert attention.visible is not None
    visible = attention.visible[0, 0].int().tolist()
    assert visible == [[1, 1, 1, 0, 0, 0]] * 3 + [[0, 0, 0, 1, 1, 1]] * 2 + [[0] * 6]


@torch.no_grad()
def test_packed_documents_have_the_logits_they_have_alone() -> None:
    config = DreamConfig(
        vocab_size=50,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        num_key_value_heads=2,
        mask_token_id=48,
        pad_token_id=49,
        initializer_range=0.2,
    )
    model = Dream(config)
    initialise(model, seed=1)
    ids = torch.randint(0, 48, DOCUMENTS.shape, generator=torch.Generator().manual_seed(0))
    positions = torch.tensor([[*range(5), *range(9), *range(2), *range(4)], [*range(12), *range(8)]])
    packed = model(ids, positions, document_attention(DOCUMENTS), all_logits)
    for row, start, stop in ((0, 0, 5), (0, 5, 14), (0, 14, 16), (1, 0, 12), (1, 12, 20)):
        alone = model(ids[None, row, start:stop], torch.arange(stop - start)[None], DenseAttention(), all_logits)
        torch.testing.assert_close(packed[None, row, start:stop], alone, rtol=1e-4, atol=1e-4)
