import torch
from hypothesis import given
from hypothesis import strategies as st

from omniforge.tokenizers.magvit2.quantizer import LookupFreeQuantizer

QUANTIZER = LookupFreeQuantizer(13)


@given(st.lists(st.integers(0, 8191), min_size=6, max_size=6), st.sampled_from([(1, 6), (2, 3), (3, 2)]))
def test_codes_become_signs_and_codes_again_in_raster_order(codes: list[int], shape: tuple[int, int]) -> None:
    given_codes = torch.tensor([codes])
    signs = QUANTIZER.quantized(given_codes, shape)
    assert signs.shape == (1, 13, *shape)
    assert torch.equal(QUANTIZER.codes(signs), given_codes)


def test_channel_0_is_the_most_significant_bit_and_zero_counts_as_minus_one() -> None:
    latents = torch.zeros(1, 13, 1, 2)
    latents[0, 0, 0, 0], latents[0, 12, 0, 1] = 0.1, 0.1
    assert QUANTIZER.codes(latents).tolist() == [[4096, 1]]
    assert QUANTIZER(latents)[0, :, 0, 0].tolist() == [1.0] + [-1.0] * 12
