"""MAGVIT-v2 against the golden tensors of the public implementation (SPEC.md section 5)."""

import json
from typing import Any

import pytest
import torch
from PIL import Image
from reference_data import parity_folder
from safetensors.torch import load_file
from torch import Tensor

from omniforge.tokenizers.magvit2.config import Magvit2Config, magvit2_config
from omniforge.tokenizers.magvit2.model import Magvit2
from omniforge.tokenizers.pictures import picture_to_pixels, pixels_to_uint8, resize_and_crop
from omniforge.tokenizers.weights import load_strict

FOLDER = parity_folder("magvit2")
CONFIG: dict[str, Any] = json.loads((FOLDER / "config.json").read_text())
CASES = [f"{height}x{width}" for height, width in CONFIG["sizes"]]
ATOL = 1e-4


@pytest.fixture(scope="module")
def model() -> Magvit2:
    network = Magvit2(magvit2_config(CONFIG)).eval()
    load_strict(network, load_file(FOLDER / "weights.safetensors"), "the fixture")
    return network


@pytest.fixture(scope="module")
def tensors() -> dict[str, Tensor]:
    return load_file(FOLDER / "inputs.safetensors") | load_file(FOLDER / "outputs.safetensors")


def named(file: str) -> dict[str, Tensor]:
    path = FOLDER / file
    return load_file(path) if path.is_file() else {}


def latent_shape(tensors: dict[str, Tensor], case: str) -> tuple[int, int]:
    height, width = tensors[f"{case}.prequant"].shape[2:]
    return height, width


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_latents_and_codes_equal_the_reference(model: Magvit2, tensors: dict[str, Tensor], case: str) -> None:
    latents = model.latents(tensors[f"{case}.pixels"])
    torch.testing.assert_close(latents, tensors[f"{case}.prequant"], atol=ATOL, rtol=0)
    assert torch.equal(model.quantize(latents), tensors[f"{case}.quantized"])
    assert torch.equal(model.encode(tensors[f"{case}.pixels"]), tensors[f"{case}.codes"])


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_codes_look_up_the_reference_vectors(model: Magvit2, tensors: dict[str, Tensor], case: str) -> None:
    entry = model.quantize.quantized(tensors[f"{case}.codes"], latent_shape(tensors, case))
    assert torch.equal(entry, tensors[f"{case}.codebook_entry"])


@pytest.mark.parametrize("case", CASES)
@torch.inference_mode()
def test_decoded_codes_equal_the_reference(model: Magvit2, tensors: dict[str, Tensor], case: str) -> None:
    shape = latent_shape(tensors, case)
    for codes, pixels in (("codes", "reconstruction"), ("random_codes", "random_codes_decoded")):
        decoded = model.decode(tensors[f"{case}.{codes}"], shape)
        torch.testing.assert_close(decoded, tensors[f"{case}.{pixels}"], atol=ATOL, rtol=0)


def test_full_size_configuration_has_exactly_the_published_keys() -> None:
    path = FOLDER / "keys_full.json"
    if not path.is_file():
        return
    published = json.loads(path.read_text())
    with torch.device("meta"):
        network = Magvit2(Magvit2Config())
    own = {key: [list(value.shape), str(value.dtype).removeprefix("torch.")] for key, value in network.state_dict().items()}
    assert own == published["keys"]


def test_constant_buffers_equal_the_published_ones() -> None:
    fresh = Magvit2(magvit2_config(CONFIG)).state_dict()
    stored = load_file(FOLDER / "weights.safetensors")
    for key in ("quantize.embedding", "quantize.power_vals"):
        assert torch.equal(fresh[key], stored[key])


@pytest.mark.parametrize("case", sorted({key.split(".")[0] for key in named("preprocess_inputs.safetensors")}))
def test_preprocessing_equals_the_reference(case: str) -> None:
    inputs, outputs = named("preprocess_inputs.safetensors"), named("preprocess_outputs.safetensors")
    array = inputs[f"{case}.rgb_hwc" if f"{case}.rgb_hwc" in inputs else f"{case}.array"]
    picture = Image.fromarray(array.numpy())
    if f"{case}.crop_u8_hwc" in outputs:
        resolution = int(inputs[f"{case}.resolution"])
        crop = torch.frombuffer(bytearray(resize_and_crop(picture, resolution).tobytes()), dtype=torch.uint8)
        assert torch.equal(crop.view(resolution, resolution, 3), outputs[f"{case}.crop_u8_hwc"])
    if f"{case}.tensor" in outputs:
        expected = outputs[f"{case}.tensor"]
        pixels = picture_to_pixels(picture, expected.shape[2])
        kept_rows = pixels[:, :: expected.shape[2] // expected.shape[1]]
        torch.testing.assert_close(kept_rows, expected, atol=1e-6, rtol=0)


def test_postprocessing_truncates_like_the_reference() -> None:
    tensors = named("postprocess.safetensors")
    if tensors:
        assert torch.equal(pixels_to_uint8(tensors["decoded"]), tensors["uint8_rgb_hwc"])
