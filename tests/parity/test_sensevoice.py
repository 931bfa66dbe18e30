"""SenseVoice against the reference: features, low frame rate, encoder, key names (SPEC.md section 7)."""

import json
from typing import Any

import numpy as np
import pytest
import torch
from reference_data import parity_folder
from safetensors.torch import load_file
from torch import Tensor

from omniforge.tokenizers.sensevoice.config import SenseVoiceConfig, sensevoice_config
from omniforge.tokenizers.sensevoice.encoder import QUERIES, Encoder
from omniforge.tokenizers.sensevoice.features import features, frames, mel_frames, read_cmvn, stack
from omniforge.tokenizers.sensevoice.sanm import sinusoids
from omniforge.tokenizers.weights import load_strict

FOLDER = parity_folder("sensevoice")

torch.set_num_threads(1)
CONFIG: dict[str, Any] = json.loads((FOLDER / "config.json").read_text())
INPUTS, OUTPUTS = load_file(FOLDER / "inputs.safetensors"), load_file(FOLDER / "outputs.safetensors")
CMVN = read_cmvn(FOLDER / "am.mvn")
CASES = [name.removeprefix("wave_") for name in sorted(INPUTS) if name.startswith("wave_")]
FEATURE_TOLERANCE = {"atol": 2e-3, "rtol": 0.0}
ENCODER_TOLERANCE = {"atol": 2e-4, "rtol": 0.0}


def wave(case: str) -> Tensor:
    return INPUTS[f"wave_{case}"].float() / 32768


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    module = Encoder(sensevoice_config(CONFIG["encoder"])).eval()
    load_strict(module, load_file(FOLDER / "weights.safetensors"), "the parity set")
    return module


@pytest.fixture(scope="module")
def batch() -> tuple[Tensor, Tensor]:
    items = [OUTPUTS[f"features_{case}"] for case in CASES]
    return torch.nn.utils.rnn.pad_sequence(items, batch_first=True), torch.tensor([len(item) for item in items])


def assert_valid_close(actual: Tensor, expected: Tensor, lengths: Tensor) -> None:
    for row, length in enumerate(lengths.tolist()):
        torch.testing.assert_close(actual[row, :length], expected[row, :length], **ENCODER_TOLERANCE)


@pytest.mark.parametrize("case", CASES)
def test_mel_frames_are_the_references(case: str) -> None:
    torch.testing.assert_close(mel_frames(wave(case)), OUTPUTS[f"fbank_{case}"], **FEATURE_TOLERANCE)


@pytest.mark.parametrize("case", CASES)
def test_stacked_frames_are_the_references(case: str) -> None:
    torch.testing.assert_close(stack(mel_frames(wave(case))), OUTPUTS[f"lfr_{case}"], **FEATURE_TOLERANCE)


@pytest.mark.parametrize("case", CASES)
def test_features_are_the_references(case: str) -> None:
    torch.testing.assert_close(features(wave(case), CMVN), OUTPUTS[f"features_{case}"], **FEATURE_TOLERANCE)


@pytest.mark.parametrize("case", CASES)
def test_the_number_of_frames_follows_from_the_samples(case: str) -> None:
    assert frames(len(wave(case))) == len(OUTPUTS[f"features_{case}"])


@pytest.mark.parametrize("name", [name for name in sorted(OUTPUTS) if name.startswith("lfr_index_T")])
def test_stacking_takes_the_references_frames(name: str) -> None:
    length = int(name.removeprefix("lfr_index_T"))
    assert stack(torch.arange(length)[:, None]).tolist() == OUTPUTS[name].tolist()


def test_the_normalisation_file_is_read_as_the_reference_does() -> None:
    torch.testing.assert_close(torch.stack([CMVN.shift, CMVN.scale]), OUTPUTS["cmvn"])


@pytest.mark.parametrize("name", [name for name in sorted(OUTPUTS) if name.startswith("pos_enc_T")])
def test_position_encodings_are_the_references(name: str) -> None:
    length, size = map(int, name.removeprefix("pos_enc_T").split("_D"))
    torch.testing.assert_close(sinusoids(length, size), OUTPUTS[name], **ENCODER_TOLERANCE)


def test_a_padded_batch_is_encoded_as_the_reference_does(encoder: Encoder, batch: tuple[Tensor, Tensor]) -> None:
    assert OUTPUTS["enc.lens"].tolist() == (batch[1] + QUERIES).tolist()
    assert_valid_close(encoder(*batch), OUTPUTS["enc.out"], OUTPUTS["enc.lens"])


@pytest.mark.parametrize(("name", "path"), [("after_block0", "encoders0.0"), ("after_norm", "after_norm")])
def test_layers_inside_give_the_references_values(encoder: Encoder, batch: tuple[Tensor, Tensor], name: str, path: str) -> None:
    seen: list[Tensor] = []
    hook = encoder.encoder.get_submodule(path).register_forward_hook(lambda _module, _inputs, out: seen.append(out))
    encoder(*batch)
    hook.remove()
    assert_valid_close(seen[0], OUTPUTS[f"enc.{name}"], OUTPUTS["enc.lens"])


@pytest.mark.parametrize("case", CASES)
def test_one_item_alone_is_encoded_as_the_reference_does(encoder: Encoder, case: str) -> None:
    item = OUTPUTS[f"features_{case}"]
    out = encoder(item[None], torch.tensor([len(item)]))[0]
    torch.testing.assert_close(out, OUTPUTS[f"enc.solo_{case}"], **ENCODER_TOLERANCE)


def test_features_rounded_to_bfloat16_give_the_references_values(encoder: Encoder, batch: tuple[Tensor, Tensor]) -> None:
    rounded = batch[0].bfloat16().float()
    assert_valid_close(encoder(rounded, batch[1]), OUTPUTS["enc.out_bf16_rounded_features"], OUTPUTS["enc.lens"])


def test_another_language_and_normalisation_give_the_references_values(encoder: Encoder) -> None:
    rows = CONFIG["query_rows"]
    item = OUTPUTS["features_0"]
    out = encoder(item[None], torch.tensor([len(item)]), language=rows["language_en"], text_norm=rows["textnorm_withitn"])
    torch.testing.assert_close(out[0], OUTPUTS["enc.out_lang_en_withitn_0"], **ENCODER_TOLERANCE)


def test_the_recognisers_head_gives_the_references_values(encoder: Encoder) -> None:
    log_probabilities = encoder.ctc(OUTPUTS["enc.out"])
    assert_valid_close(log_probabilities, OUTPUTS["enc.ctc_log_probs"], OUTPUTS["enc.lens"])


def test_waveforms_reach_the_references_output_end_to_end(encoder: Encoder) -> None:
    item = features(wave("0"), CMVN)
    out = encoder(item[None], torch.tensor([len(item)]))[0]
    np.testing.assert_allclose(out.detach(), OUTPUTS["enc.solo_0"], atol=2e-3)


def test_the_published_size_has_the_published_keys_shapes_and_dtypes() -> None:
    published = json.loads((FOLDER / "keys_full.json").read_text())["keys"]
    with torch.device("meta"):
        state = Encoder(SenseVoiceConfig()).state_dict()
    own = {key: [list(value.shape), str(value.dtype).removeprefix("torch.")] for key, value in state.items()}
    assert own == published
