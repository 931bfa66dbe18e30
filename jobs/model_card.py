"""The model card of an exported model: what it is, what it was trained on and how, what an evaluation found."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from omniforge.jobs.config import ConfigError
from omniforge.trainer.evaluate.facts import model_fingerprint
from omniforge.trainer.evaluate.report import overview
from omniforge.trainer.evaluate.run import TASKS_FOLDER, write_json
from omniforge.trainer.generation.origin import Origin, read_origin
from omniforge.trainer.model.checkpoint_keys import load_pretrained
from omniforge.trainer.release import TRAINING_FILE, read_training, stages_before

EVALUATION_FILE, ITEMS_FILE = "evaluation.json", "evaluation_items.json"
KEPT_TASK, KEPT_ITEMS = "vqa", 12
"""Answers that are kept word for word, so that whoever has the folder can ask again and compare."""


def keep_evaluation(folder: Path, evaluation: Path) -> None:
    """Copy the figures of an evaluation, and the first answers of one task, beside the weights that they are of.

    Raises:
        ConfigError: There is none, or it is of other weights.
    """
    summary = _read(evaluation / EVALUATION_FILE)
    if summary is None:
        raise ConfigError(
            f"no {EVALUATION_FILE} in {evaluation}; write it with `omniforge evaluate {folder} --suite scenes "
            f"--output {evaluation}`"
        )
    _check(summary, folder)
    write_json(folder / EVALUATION_FILE, summary)
    items = evaluation / TASKS_FOLDER / f"{KEPT_TASK}.json"
    if items.is_file():
        write_json(folder / ITEMS_FILE, {KEPT_TASK: json.loads(items.read_text(encoding="utf-8"))[:KEPT_ITEMS]})
    else:
        (folder / ITEMS_FILE).unlink(missing_ok=True)


def model_card(folder: Path) -> str:
    """Write the card of an exported folder from what lies in it.

    Raises:
        ConfigError: It is no exported folder, or the evaluation in it is of other weights.
    """
    if not (folder / TRAINING_FILE).is_file():
        raise ConfigError(f"no {TRAINING_FILE} in {folder}; write a folder that has it with `omniforge model export`")
    summary = _read(folder / EVALUATION_FILE)
    if summary is not None:
        _check(summary, folder)
    training, origin = read_training(folder), read_origin(folder)
    return "\n".join(
        [
            "---",
            "license: apache-2.0",
            "library_name: omniforge",
            "---",
            "",
            f"# An any-to-any model of {training['parameters'] / 1e6:.1f} M parameters",
            "",
            "One bidirectional transformer over text, speech and pictures as discrete tokens, trained by masked diffusion on",
            "corpora that omniforge makes itself. It was taught to draw, describe and answer about scenes of simple shapes, to",
            "speak, and to write down what it hears, and nothing else; how well it does each of them is under Scores.",
            "",
            *_facts(folder, training, origin),
            "",
            "## Training",
            "",
            *_stages(training),
            "",
            "## Scores",
            "",
            *_scores(summary),
            "",
        ]
    )


def _facts(folder: Path, training: Mapping[str, Any], origin: Origin) -> Iterator[str]:
    model, tokenize = training["model"], origin.tokenize
    size = sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    rows = {
        "licence": "Apache-2.0",
        "made with": f"omniforge {training['omniforge']}",
        "trained on": f"{training['data']['reference']}, content sha256 {training['data']['content_sha256']}",
        "parameters": f"{training['parameters']:,}",
        "architecture": f"Dream: {model['num_hidden_layers']} layers, width {model['hidden_size']} (inner "
        f"{model['intermediate_size']}), {model['num_attention_heads']} heads, "
        f"{model['num_key_value_heads']} of keys and values, {model['vocab_size']:,} ids",
        "stored": f"float16, {size / 1e6:.1f} MB; computes in float32",
        "fingerprint": model_fingerprint(load_pretrained(folder)),
        "vocabulary": origin.vocabulary.fingerprint,
        "tokenizers": "; ".join(
            f"{name} {fingerprint}" for name, fingerprint in sorted(origin.models.items()) if name != "vocabulary"
        ),
        "pictures": f"sees them at {tokenize['understanding']} px, makes them at {tokenize['generation']} px",
        "speech heard": str(tokenize["heard"]),
    }
    yield from ("| | |", "| --- | --- |")
    for name, value in rows.items():
        yield f"| {name} | {value} |"


def _stages(training: Mapping[str, Any]) -> Iterator[str]:
    columns = (
        "stage",
        "steps",
        "skipped",
        "tokens",
        "peak lr",
        "rows a step",
        "sequence",
        "objective",
        "precision",
        "seed",
        "mixture",
    )
    yield f"| {' | '.join(columns)} |"
    yield f"|{' --- |' * len(columns)}"
    earlier = stages_before(training)
    for stage in (*earlier, *training["stages"]):
        settings = stage["settings"]
        mixture = ", ".join(f"{name} {weight:g}" for name, weight in settings["stage weights"].items())
        cells = (
            f"{stage['stage']}, lesson {stage['lesson']}" if "lesson" in stage else stage["stage"],
            f"{stage['steps']:,}",
            stage["skipped"],
            f"{stage['tokens']:,}",
            f"{settings['stage lr']:g}",
            settings["batch rows"],
            stage["sequence_length"],
            settings["objective"],
            settings["precision"],
            stage["seed"],
            mixture,
        )
        yield f"| {' | '.join(map(str, cells))} |"
    optimizer = {
        name.removeprefix("optimizer "): value
        for name, value in training["stages"][-1]["settings"].items()
        if name.startswith("optimizer ")
    }
    yield ""
    if began := training.get("began"):
        told = (
            f"of the rows above, the first {len(earlier)} tell of its training"
            if earlier
            else "it does not say how it was trained"
        )
        yield f"This training began with the model {began['name']}: {told}."
    yield f"AdamW: {', '.join(f'{name} {value}' for name, value in optimizer.items())}. Everything else: training.json."


def _scores(summary: Mapping[str, Any] | None) -> Iterator[str]:
    if summary is None:
        yield "Not evaluated: `omniforge evaluate FOLDER --suite scenes --output EVALUATION`, then"
        yield "`omniforge model card FOLDER --evaluation EVALUATION`."
        return
    facts = summary["facts"]
    yield (
        f"`omniforge evaluate FOLDER --suite {facts['suite']} --samples {facts['samples']} --seed {facts['seed']}`, on "
        f"{facts['device']}: scenes and sentences that training never saw. "
        "Shares in per cent with 95 % intervals; of WER, less is better."
    )
    yield ""
    yield from overview(summary)


def _check(summary: Mapping[str, Any], folder: Path) -> None:
    wanted, found = model_fingerprint(load_pretrained(folder)), summary.get("facts", {}).get("checkpoint")
    if found != wanted:
        raise ConfigError(
            f"the evaluation is of weights {found}, and {folder} is {wanted}: evaluate that folder itself, since rounding to "
            "float16 makes other weights of a checkpoint"
        )


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{path} is no JSON ({error}); write it anew") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no JSON object; write it anew")
    return content
