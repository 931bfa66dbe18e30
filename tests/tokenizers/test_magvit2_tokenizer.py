import json
from pathlib import Path

import huggingface_hub
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from omniforge.tokenizers.magvit2.config import Magvit2Config, StackConfig
from omniforge.tokenizers.magvit2.model import Magvit2
from omniforge.tokenizers.magvit2.tokenizer import EMBEDDED, ImageTokenizer
from omniforge.tokenizers.magvit2.train import save_tokenizer

STACK = StackConfig(ch=8, ch_mult=(1, 1, 1, 1, 2), num_res_blocks=(1, 1, 1, 1, 1), norm_groups=4)
SIZES = Magvit2Config(encoder=STACK, decoder=STACK)
TINY = ImageTokenizer(Magvit2(SIZES))


torch.set_num_threads(1)


@pytest.fixture(scope="module")
def embedded() -> ImageTokenizer:
    return ImageTokenizer.load()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    save_tokenizer(Magvit2(SIZES), tmp_path / "model.safetensors", tmp_path / "config.json")
    return tmp_path


@settings(max_examples=8, deadline=None)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 3))
def test_any_multiple_of_16_gives_a_code_for_each_square(rows: int, columns: int, pictures: int) -> None:
    codes = TINY.encode(torch.rand(pictures, 3, 16 * rows, 16 * columns) * 2 - 1)
    assert codes.shape == (pictures, rows * columns)
    assert codes.dtype == torch.int64
    decoded = TINY.decode(codes, (rows, columns))
    assert decoded.shape == (pictures, 3, 16 * rows, 16 * columns)
    assert (decoded.abs() <= 1).all()


@pytest.mark.parametrize("size", [(64, 64), (128, 128), (48, 80)])
def test_codes_and_pixels_do_not_depend_on_the_batch(embedded: ImageTokenizer, size: tuple[int, int]) -> None:
    pixels = torch.rand(7, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    together = embedded.encode(pixels)
    assert torch.equal(together, torch.cat([embedded.encode(pixels[i : i + 1]) for i in range(7)]))
    assert torch.equal(together[2:5], embedded.encode(pixels[2:5]))
    shape = (size[0] // 16, size[1] // 16)
    assert torch.equal(embedded.decode(together, shape)[4:5], embedded.decode(together[4:5], shape))


def test_the_embedded_tokenizer_has_the_published_codebook_and_a_small_file(embedded: ImageTokenizer) -> None:
    assert (embedded.codebook_size, embedded.downsampling) == (8192, 16)
    assert EMBEDDED.stat().st_size <= 10_000_000


def test_a_fingerprint_follows_from_config_and_weights_alone(folder: Path, embedded: ImageTokenizer) -> None:
    first = ImageTokenizer.load(folder)
    assert first.fingerprint == ImageTokenizer.load(str(folder / "model.safetensors")).fingerprint
    with torch.no_grad():
        first.model.encoder.conv_in.bias[0] += 1
    assert ImageTokenizer(first.model).fingerprint != first.fingerprint != embedded.fingerprint


def test_a_torch_file_loads_like_a_safetensors_file(folder: Path) -> None:
    expected = ImageTokenizer.load(folder)
    torch.save(expected.model.state_dict(), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    assert ImageTokenizer.load(folder).fingerprint == expected.fingerprint


def test_weights_of_another_size_give_one_error_that_lists_the_keys(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config["encoder"]["num_res_blocks"][0] = 2
    config["decoder"]["ch_mult"][0] = 2
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ValueError, match=r"missing: encoder.down.0.block.1.*misshapen: .*decoder.conv_out.weight is"):
        ImageTokenizer.load(folder)


@pytest.mark.parametrize("source", ["showlab/magvitv2", "hub:showlab/magvitv2"])
def test_a_hub_name_is_fetched_and_its_config_means_the_published_sizes(
    source: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub, "snapshot_download", lambda name, **_: str(folder / name.split("/")[1]))
    (folder / "magvitv2").mkdir()
    (folder / "config.json").write_text('{"_class_name": "MAGVITv2"}')
    for file in ("config.json", "model.safetensors"):
        (folder / file).rename(folder / "magvitv2" / file)
    with pytest.raises(ValueError, match=f"weights of {source} do not fit.*[0-9]+ missing: encoder.down.0.block.1"):
        ImageTokenizer.load(source)


@pytest.mark.parametrize("source", ["/nowhere/at/all", "nowhere", "./nowhere/here/model.safetensors"])
def test_an_absent_path_is_never_looked_up_on_the_network(source: str) -> None:
    with pytest.raises(ValueError, match="no such file or folder"):
        ImageTokenizer.load(source)


def test_a_folder_without_config_is_named(folder: Path) -> None:
    (folder / "config.json").unlink()
    with pytest.raises(ValueError, match=r"config.json is there to give its sizes"):
        ImageTokenizer.load(folder)


@pytest.mark.parametrize("shape", [(1, 3, 60, 64), (3, 64, 64), (1, 1, 64, 64)])
def test_pixels_of_another_shape_are_refused(embedded: ImageTokenizer, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="multiples of 16"):
        embedded.encode(torch.zeros(shape))


def test_codes_that_do_not_fill_the_shape_or_the_codebook_are_refused(embedded: ImageTokenizer) -> None:
    with pytest.raises(ValueError, match=r"expected \[batch, 6\]"):
        embedded.decode(torch.zeros(1, 4, dtype=torch.int64), (2, 3))
    with pytest.raises(ValueError, match="offset of image codes"):
        embedded.decode(torch.full((1, 4), 8192), (2, 2))
