"""Groups of like length hold every item once, and a compiled network is compiled once for all shapes."""

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._dynamo.testing import CompileCounter

from omniforge.tokenizers.batching import compiled, group_by_length
from omniforge.tokenizers.glm4voice.config import EncoderConfig
from omniforge.tokenizers.glm4voice.embedded_sizes import TOKENIZER
from omniforge.tokenizers.glm4voice.encoder import SpeechEncoder
from omniforge.tokenizers.glm4voice.segments import encode_together
from omniforge.tokenizers.magvit2.config import Magvit2Config, StackConfig
from omniforge.tokenizers.magvit2.model import Magvit2

EDGES = (25, 50, 100, 200, 375)
SMALL = {"d_model": 32, "encoder_ffn_dim": 32, "pooling_position": 1, "quantize_position": 2, "quantize_vocab_size": 16}
_COMPILATIONS = 2
"""Of a network: a batch of one is a shape of its own to torch.compile."""


@given(lengths=st.lists(st.integers(1, 375), max_size=80), budget=st.integers(375, 5000))
def test_every_item_is_in_one_group_that_is_long_enough_and_within_the_budget(lengths, budget):
    groups = group_by_length(lengths, EDGES, budget)
    assert sorted(item for _, items in groups for item in items) == list(range(len(lengths)))
    for edge, items in groups:
        assert edge in EDGES
        assert len(items) * edge <= budget
        assert all(lengths[item] <= edge for item in items)


def test_an_item_is_padded_to_the_nearest_edge():
    assert group_by_length([26, 25, 375, 1], EDGES, 10_000) == [(25, [3, 1]), (50, [0]), (375, [2])]


def test_an_item_beyond_the_budget_is_alone():
    assert group_by_length([300, 300], EDGES, 100) == [(375, [0]), (375, [1])]


def test_a_cpu_runs_the_network_as_it_is():
    network = torch.nn.Linear(2, 2)
    assert compiled(network, "cpu") is network


@torch.inference_mode()
def test_speech_of_other_lengths_and_numbers_compiles_nothing_again():
    torch._dynamo.reset()
    encoder = SpeechEncoder(EncoderConfig.from_dict(TOKENIZER | SMALL)).eval()
    counter = CompileCounter()
    hidden = compiled(encoder.hidden, "cuda", counter)
    for seconds in ((1, 1.5), (3, 3.5, 4), (7,), (1, 1.2, 1.1, 6, 7, 8)):
        encode_together(encoder, hidden, [np.zeros(int(16_000 * length), np.float32) for length in seconds])
    assert 1 <= counter.frame_count <= _COMPILATIONS


@torch.inference_mode()
def test_square_pictures_of_other_sizes_and_numbers_compile_nothing_again():
    torch._dynamo.reset()
    stack = StackConfig(ch=8, ch_mult=(1, 2), num_res_blocks=(1, 1), norm_groups=4)
    model = Magvit2(Magvit2Config(encoder=stack, decoder=stack)).eval()
    counter = CompileCounter()
    latents = compiled(model.latents, "cuda", counter)
    for count, side in ((4, 16), (2, 24), (5, 20), (1, 16), (1, 32)):
        pixels = torch.zeros(count, 3, side, side)
        torch.testing.assert_close(latents(pixels), model.latents(pixels))
    assert 1 <= counter.frame_count <= _COMPILATIONS
