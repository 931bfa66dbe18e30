"""The speech encoder: features, batches, loading."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from hypothesis import given
from hypothesis import strategies as st

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig, sensevoice_config
from omniforge.tokenizers.sensevoice.encoder import QUERIES, Encoder
from omniforge.tokenizers.sensevoice.features import FEATURE_SIZE, Cmvn, features, frames, read_cmvn, stack
from omniforge.tokenizers.sensevoice.model import SenseVoice

torch.set_num_threads(1)
SMALL = SenseVoiceConfig(output_size=16, attention_heads=2, linear_units=24, num_blocks=2, tp_blocks=1, vocab_size=5)
PLAIN = Cmvn(torch.zeros(FEATURE_SIZE), torch.ones(FEATURE_SIZE))


def noise(samples: int, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).standard_normal(samples) * 0.1).astype(np.float32)


@pytest.fixture(scope="module")
def model() -> SenseVoice:
    torch.manual_seed(0)
    return SenseVoice(Encoder(SMALL), PLAIN)


@pytest.fixture
def folder(tmp_path: Path, model: SenseVoice) -> Path:
    torch.save({"state_dict": model.encoder.state_dict()}, tmp_path / "model.pt")
    table = {name: value for name, value in asdict(SMALL).items() if name not in ("input_size", "vocab_size")}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"encoder_conf": {**table, "dropout_rate": 0.1}}))
    zeros, ones = " ".join(["0.0"] * FEATURE_SIZE), " ".join(["1.0"] * FEATURE_SIZE)
    (tmp_path / "am.mvn").write_text(
        f"<Nnet>\n<AddShift> 560 560\n<LearnRateCoef> 0 [ {zeros} ]\n<Rescale> 560 560\n<LearnRateCoef> 0 [ {ones} ]\n</Nnet>\n"
    )
    return tmp_path


@given(st.integers(min_value=400, max_value=20_000))
def test_the_number_of_frames_is_that_of_the_features(samples: int) -> None:
    assert features(torch.zeros(samples), PLAIN).shape == (frames(samples), FEATURE_SIZE)


@given(st.integers(min_value=1, max_value=200))
def test_stacked_frames_hold_their_middle_frame_in_the_middle(length: int) -> None:
    stacked = stack(torch.arange(length)[:, None])
    assert stacked[:, 3].tolist() == list(range(0, length, 6))


def test_below_one_window_there_are_no_frames_and_features_are_refused() -> None:
    assert frames(399) == 0
    with pytest.raises(ValueError, match="at least 400 samples"):
        features(torch.zeros(399), PLAIN)


def test_stereo_is_refused() -> None:
    with pytest.raises(ValueError, match="expected mono"):
        features(torch.zeros(2, 16_000), PLAIN)


def test_features_repeat_because_there_is_no_dither() -> None:
    waveform = torch.from_numpy(noise(8_000))
    assert torch.equal(features(waveform, PLAIN), features(waveform, PLAIN))


def test_an_item_in_a_padded_batch_is_embedded_as_it_is_alone(model: SenseVoice) -> None:
    waveforms = [noise(16_000, 1), noise(5_000, 2)]
    for together, waveform in zip(model.encode(waveforms), waveforms, strict=True):
        torch.testing.assert_close(together, model.encode([waveform])[0], atol=1e-5, rtol=1e-5)


def test_a_recording_gets_a_vector_for_each_frame_and_query(model: SenseVoice) -> None:
    (out,) = model.encode([noise(16_000)])
    assert out.shape == (model.positions(16_000), SMALL.output_size)
    assert model.positions(16_000) == frames(16_000) + QUERIES


def test_the_encoder_runs_in_bfloat16() -> None:
    module = Encoder(SMALL).bfloat16()
    out = module(torch.zeros(1, 3, FEATURE_SIZE, dtype=torch.bfloat16), torch.tensor([3]))
    assert out.dtype == torch.bfloat16


def test_a_folder_as_published_loads_to_the_same_model(model: SenseVoice, folder: Path) -> None:
    loaded = SenseVoice.load(folder)
    assert loaded.fingerprint == model.fingerprint
    assert torch.equal(loaded.encode([noise(4_000)])[0], model.encode([noise(4_000)])[0])
    assert not any(parameter.requires_grad for parameter in loaded.encoder.parameters())


def test_weights_of_other_sizes_are_refused_by_key(folder: Path) -> None:
    (folder / "config.yaml").unlink()
    with pytest.raises(ValueError, match=r"encoder\.encoders"), torch.device("meta"):
        SenseVoice.load(folder)


def test_a_damaged_weight_file_is_named(folder: Path) -> None:
    (folder / "model.pt").write_bytes(b"not weights")
    with pytest.raises(ValueError, match="not a readable torch weight file"):
        SenseVoice.load(folder)


def test_a_folder_without_weights_says_what_to_give(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="SenseVoiceSmall"):
        SenseVoice.load(tmp_path)


def test_a_normalisation_file_cut_off_is_refused(folder: Path) -> None:
    text = (folder / "am.mvn").read_text()
    (folder / "am.mvn").write_text(text[: len(text) // 2])
    with pytest.raises(ValueError, match="Rescale"):
        read_cmvn(folder / "am.mvn")


def test_a_variant_that_is_not_supported_is_refused() -> None:
    with pytest.raises(ValueError, match="sanm_shfit"):
        sensevoice_config({"sanm_shfit": 2})


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(ValueError, match="num_layers"):
        sensevoice_config({"num_layers": 2})
