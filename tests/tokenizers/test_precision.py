import pytest
import torch

from omniforge.tokenizers import precision
from omniforge.tokenizers.precision import computes_bfloat16, measured_precision


@pytest.mark.parametrize("instruction", ["amx_bf16", "bf16"])
def test_a_cpu_that_multiplies_matrices_of_bfloat16_computes_in_it(instruction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, instruction: True})
    assert computes_bfloat16("cpu")


@pytest.mark.parametrize("vectors", [False, True])
def test_a_cpu_that_has_vectors_of_it_at_most_is_slower_in_it(vectors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": vectors, "amx_bf16": False})
    assert not computes_bfloat16("cpu")


def test_other_devices_are_not_assumed_to_have_it() -> None:
    assert not computes_bfloat16("meta")


def test_a_cpu_without_instructions_for_it_is_not_asked_to_multiply(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True})
    monkeypatch.setattr(precision, "_seconds", lambda _: pytest.fail("multiplied"))
    assert measured_precision("cpu") == "float32"


@pytest.mark.parametrize(("slower", "named"), [(torch.float32, "bfloat16"), (torch.bfloat16, "float32")])
def test_a_cpu_with_vectors_of_it_takes_what_it_multiplies_faster(
    slower: torch.dtype, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": True})
    monkeypatch.setattr(precision, "_seconds", lambda dtype: 2.0 if dtype == slower else 1.0)
    assert measured_precision("cpu") == named
