"""Where bfloat16 is worth computing in."""

import time
from typing import Literal

import torch


def computes_bfloat16(device: str) -> bool:
    """Tell whether a device computes faster in bfloat16.

    A CPU without instructions for it emulates it: one thread of an AVX2 machine multiplied matrices at 84 GFLOP/s in float32
    and at 1 in bfloat16, and a training step of the picture tokenizer took 10.7 s instead of 0.5. With AVX512-BF16 and
    without AMX it depends (`measured_precision`) and is not taken here, where an answer has to be the same each time.

    Args:
        device: Name of a device, such as `cpu` or `cuda:1`.
    """
    kind = torch.device(device).type
    if kind == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if kind == "cpu":
        capabilities = torch.cpu.get_capabilities()
        return any(capabilities.get(name, False) for name in ("amx_bf16", "bf16"))
    return False


def training_precision(device: str) -> Literal["bfloat16", "float32"]:
    """Name what a training of a tokenizer computes in on a device; other weights come out of the other."""
    return "bfloat16" if computes_bfloat16(device) else "float32"


def measured_precision(device: str, repeats: int = 20) -> Literal["bfloat16", "float32"]:
    """Name what the products of a model's matrices are faster in on a device, by multiplying some: a tenth of a second.

    What a CPU says it has does not tell: of two with AVX512-BF16 and without AMX one multiplied at 160 GFLOP/s in float32
    and at 85 in bfloat16, the other at 96 and at 213.
    """
    if torch.device(device).type != "cpu":
        return training_precision(device)
    capabilities = torch.cpu.get_capabilities()
    if not any(capabilities.get(name, False) for name in ("amx_bf16", "bf16", "avx512_bf16")):
        return "float32"
    seconds = {dtype: min(_seconds(dtype) for _ in range(repeats)) for dtype in (torch.float32, torch.bfloat16)}
    return "bfloat16" if seconds[torch.bfloat16] < seconds[torch.float32] else "float32"


def _seconds(dtype: torch.dtype) -> float:
    """Time a product as in a small model's blocks; the fastest of several is not disturbed by what else runs."""
    positions, weight = torch.ones(1024, 256, dtype=dtype), torch.ones(256, 704, dtype=dtype)
    started = time.perf_counter()
    _ = positions @ weight
    return time.perf_counter() - started
