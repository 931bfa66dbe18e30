from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file
from torch import nn

from omniforge.tokenizers.weights import hub_folder, load_strict, read_safetensors_or_torch, weights_fingerprint


def test_equal_keys_and_shapes_are_loaded_and_cast() -> None:
    module = nn.Linear(2, 1)
    load_strict(module, {"weight": torch.ones(1, 2, dtype=torch.float16), "bias": torch.zeros(1)}, "here")
    assert module.weight.tolist() == [[1.0, 1.0]]
    assert module.weight.dtype == torch.float32


def test_every_kind_of_misfit_is_in_one_error_and_nothing_is_loaded() -> None:
    module = nn.Linear(2, 1)
    before = module.weight.clone()
    with pytest.raises(ValueError, match=r"here do not fit Linear: 1 missing: bias; 1 unexpected: extra; 1 misshapen: weight"):
        load_strict(module, {"weight": torch.ones(1, 3), "extra": torch.ones(1)}, "here")
    assert torch.equal(module.weight, before)


def test_a_folder_in_parts_is_read_through_its_index(tmp_path: Path) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "model-1.safetensors")
    save_file({"b": torch.zeros(1)}, tmp_path / "model-2.safetensors")
    index = '{"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}'
    (tmp_path / "model.safetensors.index.json").write_text(index)
    assert set(read_safetensors_or_torch(tmp_path)) == {"a", "b"}


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_damaged_files_are_named(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x02not weights at all")
    with pytest.raises(ValueError, match=name):
        read_safetensors_or_torch(tmp_path)


def test_absent_files_and_empty_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds none of"):
        read_safetensors_or_torch(tmp_path)
    with pytest.raises(ValueError, match="no such file"):
        read_safetensors_or_torch(tmp_path / "x.safetensors")


def test_a_torch_file_that_is_no_flat_state_dict_is_refused(tmp_path: Path) -> None:
    torch.save({"state": {"a": torch.ones(1)}}, tmp_path / "x.pt")
    with pytest.raises(ValueError, match="flat dictionary"):
        read_safetensors_or_torch(tmp_path / "x.pt")


def test_fingerprints_ignore_order_and_see_every_value() -> None:
    tensors = {"a": torch.ones(2), "b": torch.zeros((), dtype=torch.int64)}
    assert weights_fingerprint({"x": 1}, tensors) == weights_fingerprint({"x": 1}, dict(reversed(tensors.items())))
    others = [({"x": 2}, tensors), ({"x": 1}, tensors | {"a": torch.tensor([1.0, 2.0])}), ({"x": 1}, {"a": tensors["a"]})]
    assert len({weights_fingerprint(*other) for other in [({"x": 1}, tensors), *others]}) == 4


def test_a_hub_that_cannot_be_reached_is_a_plain_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def offline(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", offline)
    with pytest.raises(ValueError, match=r"hub:owner/name: the hub did not give them \(no network\)"):
        hub_folder("owner/name", ["*.json"])


def test_a_hub_folder_is_fetched_with_the_named_patterns(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    asked: dict[str, object] = {}

    def fetch(name: str, **options: object) -> str:
        asked.update(name=name, **options)
        return str(tmp_path)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    assert hub_folder("owner/name", ("*.json",)) == tmp_path
    assert asked == {"name": "owner/name", "allow_patterns": ["*.json"]}
