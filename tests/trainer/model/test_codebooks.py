import pytest
import torch

from omniforge.trainer.model.codebooks import begin_at_codebook
from omniforge.trainer.model.config import DreamConfig
from omniforge.trainer.model.transformer import Dream, initialise

FIRST, CODES, WIDTH = 40, 64, 6


def model() -> Dream:
    made = Dream(
        DreamConfig(
            vocab_size=FIRST + CODES + 4,
            hidden_size=256,
            intermediate_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=1,
            mask_token_id=0,
            pad_token_id=1,
        )
    )
    initialise(made, 0)
    return made


def codebook() -> torch.Tensor:
    """Bits of the codes, one of them a hundred times as wide as the others, and all of them moved."""
    bits = ((torch.arange(CODES)[:, None] >> torch.arange(WIDTH)) & 1).float() * 2 - 1
    return bits * torch.tensor([100.0, 1, 1, 1, 1, 1]) + 7


def test_codes_alike_begin_alike_and_others_do_not() -> None:
    begun = model()
    begin_at_codebook(begun, FIRST, codebook(), 0)
    rows = begun.model.embed_tokens.weight[FIRST : FIRST + CODES]
    same_bits = torch.nn.functional.cosine_similarity(rows[:1], rows)
    differing = torch.tensor([code.bit_count() for code in range(CODES)])
    for count in range(WIDTH + 1):
        torch.testing.assert_close(same_bits[differing == count].mean(), torch.tensor(1 - 2 * count / WIDTH), atol=0.1, rtol=0)


def test_rows_are_as_large_as_other_fresh_ones_and_the_head_has_the_same() -> None:
    begun = model()
    begin_at_codebook(begun, FIRST, codebook(), 0)
    rows = begun.model.embed_tokens.weight[FIRST : FIRST + CODES]
    assert rows.std().item() == pytest.approx(0.02, rel=0.1)
    assert torch.equal(rows, begun.lm_head.weight[FIRST : FIRST + CODES])


def test_no_other_row_changes() -> None:
    begun, untouched = model(), model()
    begin_at_codebook(begun, FIRST, codebook(), 0)
    for name, tensor in untouched.state_dict().items():
        if name.startswith(("model.embed", "lm_head")):
            same = (tensor == begun.state_dict()[name]).all(dim=1)
            ids = torch.arange(len(same))
            assert torch.equal(~same, (ids >= FIRST) & (ids < FIRST + CODES))
        else:
            assert torch.equal(tensor, begun.state_dict()[name])


def test_a_model_without_room_for_the_codes_says_so() -> None:
    with pytest.raises(ValueError, match="ids 48 to 111, and the model has 108"):
        begin_at_codebook(model(), FIRST + 8, codebook(), 0)
