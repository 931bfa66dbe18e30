import pytest
import torch

from omniforge.tokenizers.precision import computes_bfloat16


@pytest.mark.parametrize("instruction", ["avx512_bf16", "amx_bf16"])
def test_a_cpu_with_instructions_for_bfloat16_computes_in_it(instruction: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, instruction: True})
    assert computes_bfloat16("cpu")


def test_a_cpu_without_them_would_emulate_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "avx512_bf16": False})
    assert not computes_bfloat16("cpu")


def test_other_devices_are_not_assumed_to_have_it() -> None:
    assert not computes_bfloat16("meta")
