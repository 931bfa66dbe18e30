"""Who listens: a recogniser that writes down what is said, and a model that says how it sounds."""

import numpy as np
import numpy.typing as npt

from omniforge.synth.cache import Cache, heard_key, keep, recall, score_key
from omniforge.synth.config import SynthConfig
from omniforge.synth.quality import QualityModel
from omniforge.synth.roundtrip import Recogniser


class Listener:
    """A recogniser and a quality model, loaded once if the config asks for them, and what both said before."""

    def __init__(
        self,
        config: SynthConfig,
        recogniser: Recogniser | None = None,
        quality: QualityModel | None = None,
        cache: Cache | None = None,
    ) -> None:
        """Load what the config names, or take what is given; what nobody will ask is not loaded."""
        self._config = config
        self._cache = cache
        self._recogniser = (recogniser or Recogniser.load(config.recogniser)) if config.verify_share else None
        self._quality = (quality or QualityModel.load()) if config.quality_share else None

    @property
    def fingerprint(self) -> str:
        """Both models in one line."""
        ears = self._recogniser.fingerprint if self._recogniser else "unverified"
        return f"{ears}; {self._quality.fingerprint if self._quality else 'unscored'}"

    def hear(self, key: str, samples: npt.NDArray[np.float32]) -> str | None:
        """Write down what is said in samples of the record with this key; None if it is not of the verified share."""
        if self._recogniser is None or not self._config.verifies(key):
            return None
        entry = heard_key(samples, self._recogniser.fingerprint)
        known = recall(self._cache, entry)
        if known is not None:
            return known.decode()
        heard = self._recogniser.transcribe(samples)
        keep(self._cache, entry, heard.encode())
        return heard

    def score(self, key: str, samples: npt.NDArray[np.float32]) -> float | None:
        """Say how samples of the record with this key sound (`QualityModel.score`); None if it is not of the scored share."""
        if self._quality is None or not self._config.scores(key):
            return None
        entry = score_key(samples, self._quality.fingerprint)
        known = recall(self._cache, entry)
        if known is not None:
            return float(known)
        score = self._quality.score(samples)
        keep(self._cache, entry, repr(score).encode())
        return score
