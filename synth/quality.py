"""How natural speech sounds: the overall DNSMOS P.835 score (arXiv 2110.01763), whose model comes inside a package."""

import importlib.util
from importlib.metadata import version
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

WINDOW = 144_160
"""Samples the model looks at: 9.01 s at 16 kHz."""

_OVERALL = 2
"""Place of the overall score among the model's outputs: signal, background, overall."""

_TO_OPINION = np.poly1d([-0.06766283, 1.11546468, 0.04602535])
"""From the model's output to the mean opinion score, as published with it."""


class QualityModel:
    """DNSMOS, loaded once, on one thread, so that the same samples give the same score."""

    def __init__(self, session: Any, fingerprint: str) -> None:
        self._session = session
        self.fingerprint = fingerprint

    @classmethod
    def load(cls) -> Self:
        """Load the P.835 model from its package; the package itself is not imported, because it wants a web client.

        Raises:
            ValueError: the package is not installed.
        """
        import onnxruntime

        spec = importlib.util.find_spec("speechmos")
        if spec is None or not spec.submodule_search_locations:
            raise ValueError("speech quality: the package speechmos is not installed; install it, or set quality_share to 0.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        path = Path(spec.submodule_search_locations[0], "dnsmos_models", "sig_bak_ovr.onnx")
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        return cls(session, f"DNSMOS speechmos {version('speechmos')} onnxruntime {onnxruntime.__version__} threads=1")

    def score(self, samples: npt.NDArray[np.float32]) -> float:
        """Mean opinion score, about 1 to 4.5, of 16 kHz mono samples; costs about 0.3 s of one core for each window begun.

        A clip shorter than the window is repeated, as the packaged code does. A longer one is cut into windows, the last of
        which ends with it, and the score is their mean; the packaged code moves its window by a second, at nine times the cost.

        Raises:
            ValueError: there are no samples.
        """
        if samples.size == 0:
            raise ValueError("speech quality: there are no samples to score.")
        if samples.size < WINDOW:
            samples = np.resize(samples, WINDOW)
        starts = [*range(0, samples.size - WINDOW, WINDOW), samples.size - WINDOW]
        raw = [self._session.run(None, {"input_1": samples[None, start : start + WINDOW]})[0][0] for start in starts]
        return float(np.mean([_TO_OPINION(scores[_OVERALL]) for scores in raw]))
