"""The vocoder in pieces is the vocoder of the whole mel, and its random numbers do not depend on the pieces."""

from dataclasses import replace

import pytest
import torch

from omniforge.tokenizers.glm4voice.config import HiftConfig
from omniforge.tokenizers.glm4voice.embedded_sizes import DECODER
from omniforge.tokenizers.glm4voice.hift import HiftGenerator
from omniforge.tokenizers.glm4voice.noise import UtteranceNoise
from omniforge.tokenizers.glm4voice.vocoder_stream import VocoderStream, vocoder_reach

torch.set_num_threads(1)

EMBEDDED = replace(HiftConfig.from_dict(DECODER["hift"]), base_channels=32)
PUBLISHED = replace(
    EMBEDDED,
    resblock_kernel_sizes=(3, 7, 11),
    resblock_dilation_sizes=((1, 3, 5),) * 3,
    source_resblock_kernel_sizes=(7, 11),
    source_resblock_dilation_sizes=((1, 3, 5),) * 2,
)
"""Kernels of the published vocoder; fewer channels, which say nothing about how far it reaches."""


@pytest.fixture(params=[EMBEDDED, PUBLISHED], ids=["embedded", "published"])
def hift(request):
    torch.manual_seed(0)
    model = HiftGenerator(request.param).eval().requires_grad_(False)
    # Fresh weights predict a pitch near 0; this one is voiced, and moves.
    model.f0_predictor.classifier.weight *= 400
    model.f0_predictor.classifier.bias.fill_(150)
    return model


@pytest.fixture
def mel():
    return torch.randn(1, 80, 150, generator=torch.Generator().manual_seed(1)) * 2 - 5


def whole(hift, mel):
    config, noise = hift.config, UtteranceNoise(80)
    harmonics = config.nb_harmonics + 1
    return hift(mel, noise.phase(harmonics), noise.hiss(mel.shape[-1], harmonics, config.samples_per_frame))[0]


@pytest.mark.parametrize("sizes", [(150,), (3, 40, 1, 60, 46), (75, 75, 0)])
@torch.inference_mode()
def test_pieces_join_to_the_waveform_of_the_whole(hift, mel, sizes):
    stream = VocoderStream(hift, UtteranceNoise(80))
    pieces = list(mel.split(sizes, dim=-1))
    parts = [stream.push(piece, last=index == len(pieces) - 1) for index, piece in enumerate(pieces)]
    torch.testing.assert_close(torch.cat(parts), whole(hift, mel), atol=2e-3, rtol=0)


@torch.inference_mode()
def test_a_sample_depends_on_no_frame_out_of_reach(hift, mel):
    source = hift.make_source(torch.full((1, 150), 120.0), torch.zeros(1, 9, 1), torch.zeros(1, 9, 150 * 256))
    other_mel, other_source = mel.clone(), source.clone()
    other_mel[..., 75] += 3
    other_source[..., 75 * 256 : 76 * 256] *= -1
    reach = vocoder_reach(hift.config)
    changed = (hift.decode(mel, source) != hift.decode(other_mel, other_source))[0].nonzero()[:, 0] // 256
    assert 75 - reach <= changed.min() <= changed.max() <= 75 + reach
    assert changed.max() - changed.min() >= reach


def test_a_frame_has_its_random_numbers_however_many_are_drawn_at_once():
    together, apart = UtteranceNoise(80), UtteranceNoise(80)
    assert torch.equal(together.mel(20), torch.cat([apart.mel(3), apart.mel(17)], dim=-1))
    assert torch.equal(together.hiss(5, 9, 256), torch.cat([apart.hiss(1, 9, 256), apart.hiss(4, 9, 256)], dim=-1))
