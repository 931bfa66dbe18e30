"""What a checkpoint says of the data it was trained on: vocabulary, tokenizers, resolutions, lengths of responses."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from omniforge.pipeline.reference import Dataset
from omniforge.tokenizers.vocabulary import Vocabulary, VocabularyLayout
from omniforge.trainer.generation.lengths import LengthFit, fit_lengths
from omniforge.trainer.model.source import model_folder

STATE_FILE = "state.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The token dataset behind a model.

    Attributes:
        reference: Its reference, for people.
        vocabulary: Its ids.
        tokenize: How its records became tokens: sources of the tokenizers, resolutions, form of heard speech.
        models: Fingerprints of its tokenizers by name.
        lengths: What it says of the lengths of responses, by task; may be empty.
    """

    reference: str
    vocabulary: Vocabulary
    tokenize: Mapping[str, Any]
    models: Mapping[str, str]
    lengths: Mapping[str, LengthFit]


def describe(dataset: Dataset) -> dict[str, Any]:
    """Return what a checkpoint keeps of its token dataset, in JSON's types; `read_origin` reads it back."""
    content = dataset.manifest.content
    return {
        "reference": dataset.reference,
        "vocabulary": content.vocabulary,
        "tokenizers": content.models,
        "config": content.config,
        "lengths": {task: asdict(fit) for task, fit in fit_lengths(dataset).items()},
    }


def read_origin(checkpoint: str | Path) -> Origin:
    """Read the `dataset` of a checkpoint's `state.json`; `embedded` is the shipped model's.

    Raises:
        ValueError: It is absent or does not say enough.
    """
    path = model_folder(checkpoint) / STATE_FILE
    advice = "name the token dataset that the model was trained on with --data REF"
    try:
        state = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ValueError(f"checkpoint {checkpoint}: no {STATE_FILE}, which says what its tokens mean; {advice}") from None
    except ValueError as error:
        raise ValueError(f"checkpoint {path}: not JSON ({error}); {advice}") from error
    if not isinstance(state, dict) or not isinstance(state.get("dataset"), dict):
        raise ValueError(f"checkpoint {path}: it does not say what its tokens mean; {advice}")
    return origin_of(state["dataset"], str(path))


def origin_of(description: Mapping[str, Any], where: str) -> Origin:
    """Read a description as made by `describe`; `where` names it in messages.

    Raises:
        ValueError: Something is absent, or the vocabulary is not what its fingerprint names.
    """
    names = ("reference", "vocabulary", "tokenizers", "config")
    absent = [name for name in names if name not in description]
    config = description.get("config", {})
    if absent or "tokenize" not in config:
        raise ValueError(
            f"{where}: no {', '.join(absent) or 'tokenize configuration'}; give a dataset made by `omniforge tokenize`"
        )
    return Origin(
        reference=description["reference"],
        vocabulary=_vocabulary(description["vocabulary"], where),
        tokenize=config["tokenize"],
        models=description["tokenizers"],
        lengths={task: LengthFit(**fit) for task, fit in description.get("lengths", {}).items()},
    )


def _vocabulary(described: Mapping[str, Any], where: str) -> Vocabulary:
    names = [field.name for field in fields(VocabularyLayout)]
    if absent := [name for name in names if name not in described]:
        raise ValueError(f"{where}: its vocabulary lacks {', '.join(absent)}; tokenize again")
    values = {name: described[name] for name in names}
    plain: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    vocabulary = Vocabulary(VocabularyLayout(**plain))
    if described.get("fingerprint", vocabulary.fingerprint) != vocabulary.fingerprint:
        raise ValueError(
            f"{where}: its vocabulary is {described['fingerprint']}, this version makes {vocabulary.fingerprint} of it"
        )
    return vocabulary
