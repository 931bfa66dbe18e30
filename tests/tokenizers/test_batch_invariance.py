"""Codes in a batch are those of a batch of one: all of them on a CPU, and where networks take a batch whole, up to the margin.

Over 10,000 codes of pictures and of speech each; the rates are recorded as properties of the suite (--junitxml).
"""

import numpy as np
import pytest
import torch
from torch.nn import functional

from omniforge.tokenizers.glm4voice import encoder as speech_encoder
from omniforge.tokenizers.glm4voice.segments import batch_features
from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer
from omniforge.tokenizers.magvit2 import quantizer
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer

torch.set_num_threads(1)

BATCH = 64
LEAST_CODES = 10_000


@pytest.fixture(scope="module")
def image():
    return ImageTokenizer.load("embedded")


@pytest.fixture(scope="module")
def speech():
    return SpeechTokenizer.load("embedded")


@pytest.fixture(scope="module")
def pictures():
    """Ten batches of smooth, noisy pictures, [640, 3, 64, 64]: 10,240 codes."""
    generator = torch.Generator().manual_seed(0)
    shapes = functional.interpolate(torch.rand(10 * BATCH, 3, 6, 6, generator=generator) * 2 - 1, size=64, mode="bicubic")
    return (shapes + 0.05 * torch.randn(shapes.shape, generator=generator)).clamp(-1, 1)


@pytest.fixture(scope="module")
def sounds():
    """A batch of unequal sounds, 10 ms to 25 s."""
    rng = np.random.default_rng(0)
    waves = []
    for samples in np.linspace(160, 25.5 * 16_000, BATCH).astype(int):
        time = np.arange(samples) / 16_000
        tone = np.sin(2 * np.pi * (150 + 80 * np.sin(rng.uniform(2, 9) * time)) * time)
        waves.append((0.2 * tone * (0.5 + 0.5 * np.sin(9 * time)) + 0.02 * rng.standard_normal(samples)).astype(np.float32))
    return waves


@pytest.fixture(scope="module")
def picture_codes(image, pictures):
    """Codes of each picture alone."""
    return torch.cat([image.encode(picture[None]) for picture in pictures])


@pytest.fixture(scope="module")
def sound_codes(speech, sounds):
    """Codes of each sound alone."""
    return [speech.encode([wave])[0] for wave in sounds]


def test_pictures_in_a_batch_of_64_on_any_position_have_the_codes_they_have_alone(
    image, pictures, picture_codes, record_testsuite_property
):
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(1))
    together = torch.cat([image.encode(pictures[part]) for part in order.split(BATCH)])
    differing = int((together != picture_codes[order]).sum())
    record_testsuite_property("picture_codes_differing", f"{differing} of {together.numel()}")
    assert together.numel() >= LEAST_CODES
    assert differing == 0


def test_sounds_in_a_batch_of_64_on_any_position_have_the_codes_they_have_alone(
    speech, sounds, sound_codes, record_testsuite_property
):
    order = np.random.default_rng(1).permutation(BATCH)
    together = speech.encode([sounds[place] for place in order])
    alone = [sound_codes[place] for place in order]
    differing = int((np.concatenate(together) != np.concatenate(alone)).sum())
    codes = sum(map(len, alone))
    record_testsuite_property("sound_codes_differing", f"{differing} of {codes}")
    assert codes >= LEAST_CODES
    assert differing == 0


@torch.inference_mode()
def test_pictures_that_go_through_together_differ_only_below_the_margin(
    image, pictures, picture_codes, record_testsuite_property
):
    order = torch.randperm(len(pictures), generator=torch.Generator().manual_seed(2))
    together = torch.cat([image.encode_together(pictures[part]) for part in order.split(BATCH)])
    differing = together != picture_codes[order]
    record_testsuite_property("picture_codes_differing_together", f"{int(differing.sum())} of {differing.numel()}")
    for row in differing.any(dim=1).nonzero()[:, 0].tolist():
        margins = image.model.quantize.margins(image.model.latents(pictures[order[row]][None]))[0]
        assert (margins[differing[row]] < quantizer.MARGIN_EPSILON).all()
    assert differing.float().mean() < 0.01


@torch.inference_mode()
def test_sounds_that_go_through_together_padded_differ_only_below_the_margin(
    speech, sounds, sound_codes, record_testsuite_property
):
    order = np.random.default_rng(2).permutation(BATCH)
    together = speech.encode_together([sounds[place] for place in order])
    encoder = speech._encoder
    total = 0
    for place, codes in zip(order, together, strict=True):
        differing = torch.from_numpy(codes != sound_codes[place])
        total += int(differing.sum())
        if differing.any():
            states = encoder.hidden(*batch_features([sounds[place]], mels=encoder.config.num_mel_bins, multiple=1280))
            assert (encoder.margins(states)[0][differing] < speech_encoder.MARGIN_EPSILON).all()
    record_testsuite_property("sound_codes_differing_together", f"{total} of {sum(map(len, together))}")
    assert total / sum(map(len, together)) < 0.01


@torch.inference_mode()
def test_rounding_moves_latents_and_distances_by_less_than_the_margin_allows(image, speech, pictures, sounds):
    few = pictures[:16]
    alone = torch.cat([image.model.latents(picture[None]) for picture in few])
    assert (image.model.latents(few) - alone).abs().max() < quantizer.MARGIN_EPSILON / 4
    encoder = speech._encoder
    wave = sounds[10]
    mel, valid = batch_features([wave], mels=encoder.config.num_mel_bins, multiple=1280)
    padded = encoder.hidden(functional.pad(mel, (0, 800)).expand(8, -1, -1), functional.pad(valid, (0, 800)).expand(8, -1))[
        :, : -(-len(wave) // 1280)
    ]
    moved = (encoder.margins(padded) - encoder.margins(encoder.hidden(mel, valid))).abs().max()
    assert moved < speech_encoder.MARGIN_EPSILON / 4


def test_the_margin_of_a_sign_is_its_distance_to_zero():
    latents = torch.tensor([[[[0.5, -0.1]], [[-0.2, 0.3]]]])
    torch.testing.assert_close(quantizer.LookupFreeQuantizer(2).margins(latents), torch.tensor([[0.2, 0.1]]))


@torch.inference_mode()
def test_the_margin_of_a_nearest_row_is_zero_halfway_to_the_next(speech):
    rows = speech._encoder.codebook.weight
    distances = torch.cdist(rows[:1], rows)[0]
    nearest = int(distances.topk(2, largest=False).indices[1])
    halfway = (rows[0] + rows[nearest]) / 2
    margins = speech._encoder.margins(torch.stack([rows[0], halfway])[None])[0]
    expected = distances[nearest] ** 2 / (2 * rows[0].square().sum())
    torch.testing.assert_close(margins[0], expected, rtol=1e-2, atol=1e-5)
    assert margins[1] < speech_encoder.MARGIN_EPSILON
