"""What an evaluation was of: the model's weights, and what its tokens mean."""

import hashlib
import json
from dataclasses import asdict
from typing import Any

import torch

from omniforge.trainer.generation.codecs import Codecs
from omniforge.trainer.generation.presets import default_sampling
from omniforge.trainer.generation.tasks import TASKS
from omniforge.trainer.model.transformer import Dream


def model_fingerprint(model: Dream) -> str:
    """Hash sizes, names, types and weights of a model; the layout of its files does not matter."""
    found = hashlib.sha256(json.dumps(asdict(model.config), sort_keys=True).encode())
    for name, tensor in sorted(model.state_dict().items()):
        found.update(f"\n{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        found.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return found.hexdigest()[:16]


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
