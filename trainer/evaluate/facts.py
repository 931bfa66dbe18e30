"""What an evaluation was of: what decides how a model is asked and read."""

from dataclasses import asdict
from typing import Any

from omniforge.tokenizers.weights import weights_fingerprint
from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.presets import default_sampling
from omniforge.trainer.generation.tasks import TASKS
from omniforge.trainer.model.transformer import Dream


def model_fingerprint(model: Dream) -> str:
    """Name sizes and weights, in the type they compute in."""
    return weights_fingerprint(asdict(model.config), model.state_dict())


def codecs_facts(codecs: Codecs) -> dict[str, Any]:
    """Return what decides how a model is asked and read, in JSON's types: tokenizers, resolutions, sampling, lengths."""
    origin = codecs.origin
    return {
        "tokenizers": {"magvit2": codecs.image.fingerprint, "glm4voice": codecs.speech.fingerprint, **origin.models},
        "vocabulary": codecs.vocabulary.fingerprint,
        "understanding": codecs.understanding,
        "generation": codecs.generation,
        "heard": "continuous" if codecs.continuous else "discrete",
        "sampling": {task: asdict(default_sampling(task)) for task in TASKS},
        "lengths": {task: asdict(fit) for task, fit in sorted(origin.lengths.items())},
    }
