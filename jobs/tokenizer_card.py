"""`omniforge tokenizer card`: the model card of a tokenizer, from what lies beside its weights and what was measured."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from omniforge.jobs.config import ConfigError
from omniforge.jobs.tokenizer_figures import figures_markdown
from omniforge.tokenizers.glm4voice.files import EMBEDDED, PART_NAMES
from omniforge.tokenizers.glm4voice.tokenizer import SpeechTokenizer
from omniforge.tokenizers.magvit2.tokenizer import EMBEDDED as EMBEDDED_IMAGE
from omniforge.tokenizers.magvit2.tokenizer import ImageTokenizer

NAMES = {"image": "magvit2", "speech": "glm4voice"}
_LIMITS = {
    "image": "Made for demonstrations of the whole chain and for tests; for work, load showlab/magvitv2 under the same names. "
    "Codes are the same within one environment: same torch, same capability of the processor, same number of threads.",
    "speech": "Made for demonstrations of the whole chain and for tests; for work, load THUDM/glm-4-voice-tokenizer under the "
    "same names. English alone. Whoever was encoded, decoding speaks in the synthesiser's own voice: codes keep words and "
    "timing, not the speaker. Real speakers are understood far worse than synthetic voices.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Model:
    architecture: str
    codes: str
    parameters: int
    files: Sequence[Path]
    fingerprint: str


def model_card(what: str, source: str, report: str | None) -> str:
    """Write a model card.

    Args:
        what: `image` or `speech`.
        source: `embedded`, or a folder that training wrote.
        report: File that `omniforge tokenizer evaluate` wrote; None for the one beside the weights.

    Raises:
        ConfigError: There is no report, or it is of other weights.
        ValueError: There are no weights.
    """
    name = NAMES[what]
    folder = EMBEDDED if source == "embedded" else Path(source)
    model = _image_model(source) if what == "image" else _speech_model(source)
    measured = _read(Path(report) if report else folder / f"{name}_report.json")
    if measured is None:
        raise ConfigError(
            f"no report at {report or folder / f'{name}_report.json'}; write it with `omniforge tokenizer evaluate {what} "
            f"--source {source} --output FILE` and give it as --report FILE"
        )
    if measured.get("fingerprint") != model.fingerprint:
        raise ConfigError(
            f"the report is of weights {measured.get('fingerprint')}, and {source} is {model.fingerprint}: evaluate it"
        )
    record = _read(folder / f"{name}_training.json") or {}
    words = record.get("card", {})
    return "\n".join(
        [
            f"# {words.get('name') or f'{name} ({folder.name})'}",
            "",
            *_facts(model, words.get("licence") or "not recorded"),
            "",
            "## Data",
            "",
            *_data(record),
            "",
            "## Recipe",
            "",
            *_recipe(record, f"{name}_training.json"),
            "",
            "## Held-out figures",
            "",
            figures_markdown(measured),
            "## Limits",
            "",
            _LIMITS[what],
            "",
        ]
    )


def _facts(model: _Model, licence: str) -> list[str]:
    size = sum(path.stat().st_size for path in model.files)
    rows = {
        "architecture": model.architecture,
        "licence": licence,
        "codes": model.codes,
        "parameters": f"{model.parameters:,}",
        "stored": f"{size / 1e6:.1f} MB: {', '.join(path.name for path in model.files)}",
        "fingerprint": model.fingerprint,
    }
    return ["| | |", "| --- | --- |", *(f"| {name} | {value} |" for name, value in rows.items())]


def _data(record: dict[str, Any]) -> list[str]:
    if not record:
        return ["Not recorded."]
    counts = ", ".join(f"{key.replace('_', ' ')}: {_counted(value)}" for key, value in record["data"].items())
    return [text for text in (record.get("card", {}).get("data"), f"Read by the training: {counts}.") if text]


def _counted(value: Any) -> str:
    if not isinstance(value, dict):
        return str(value)
    return f"{sum(value.values())} ({', '.join(f'{count} {key}' for key, count in value.items())})" if value else "0"


def _recipe(record: dict[str, Any], name: str) -> list[str]:
    if not record:
        return [f"Not recorded: no {name} lies beside the weights."]
    settings = yaml.safe_dump(record["settings"], sort_keys=False, default_flow_style=None, width=120).strip()
    notes = record.get("card", {}).get("notes")
    return [
        "`omniforge tokenizer train --config FILE data=FOLDER output=FOLDER`, with this file:",
        "",
        "```yaml",
        settings,
        "```",
        *(["", notes] if notes else []),
    ]


def _read(path: Path) -> dict[str, Any] | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise ConfigError(f"{path} is no JSON ({error}); write it anew") from None
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no JSON object; write it anew")
    return content


def _image_model(source: str) -> _Model:
    tokenizer = ImageTokenizer.load(source)
    return _Model(
        architecture="MAGVIT-v2 (arXiv 2310.05737): convolutional, lookup-free quantisation, as showlab/magvitv2",
        codes=f"{tokenizer.codebook_size:,}, one for {tokenizer.downsampling} x {tokenizer.downsampling} pixels",
        parameters=sum(parameter.numel() for parameter in tokenizer.model.parameters()),
        files=[EMBEDDED_IMAGE] if source == "embedded" else sorted(Path(source).glob("*.safetensors")),
        fingerprint=tokenizer.fingerprint,
    )


def _speech_model(source: str) -> _Model:
    tokenizer = SpeechTokenizer.load(source)
    folder = EMBEDDED if source == "embedded" else Path(source)
    return _Model(
        architecture="GLM-4-Voice (arXiv 2412.02612): Whisper-style encoder with vector quantisation, flow-matching mel "
        "decoder, HiFT vocoder",
        codes=f"{tokenizer.codebook_size:,}, {tokenizer.codes_per_second} a second",
        parameters=tokenizer.parameter_count,
        files=[path for name in PART_NAMES.values() if (path := folder / name).is_file()],
        fingerprint=tokenizer.fingerprint,
    )
