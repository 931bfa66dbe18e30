"""torchaudio, also where its compiled extension does not fit the installed torch."""

import importlib
import sys
import types
from collections.abc import Callable
from typing import Any


def _unavailable(function: Callable[..., Any]) -> Callable[..., Any]:
    """Replace a function of torchaudio that needs its compiled extension by one that says so."""

    def raise_unavailable(*_args: object, **_kwargs: object) -> None:
        raise RuntimeError(
            f"torchaudio.{function.__name__} needs the compiled extension, which does not load beside this torch; "
            "install a torchaudio built for it."
        )

    return raise_unavailable


def _load_torchaudio() -> types.ModuleType:
    """Import torchaudio; without its extension when that links libraries that are absent (a CUDA wheel on a CPU).

    Only the pure torch parts are used here (resampling, Kaldi features): the same numbers either way. A build
    whose extension loads stays whole, because the stand-in is installed only after the plain import raised `OSError`.
    """
    try:
        return importlib.import_module("torchaudio")
    except OSError:
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        extension: Any = types.ModuleType("torchaudio._extension")
        extension._IS_TORCHAUDIO_EXT_AVAILABLE = False
        extension._IS_ALIGN_AVAILABLE = False
        extension.fail_if_no_align = _unavailable
        sys.modules["torchaudio._extension"] = extension
        return importlib.import_module("torchaudio")


torchaudio: Any = _load_torchaudio()
