"""What a page shows of models: of a training run its losses, of any model its responses to held-out records."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair
import soundfile

from omniforge.pipeline.report import Shown, TableOnPage
from omniforge.pipeline.report_cards import Card, Group, Medium, Turn
from omniforge.pipeline.report_charts import svg
from omniforge.trainer.generation.origin import read_origin
from omniforge.trainer.metrics import METRICS_FILE
from omniforge.trainer.model.source import model_folder
from omniforge.trainer.release import read_training, stages_before

MIME = {".png": "image/png", ".wav": "audio/wav"}
TASK_LOSS = "validation/loss/task/"
RUN = "The model of this run"


def run_shown(model: Path, checkpoint: Path, showcase: Path) -> Shown:
    """Read the `metrics.jsonl` of a run's stages and lessons, and the showcase (`showcase.json`) of its last checkpoint."""
    stages = {name: list(_metrics(path)) for name, path in _trained(model)}
    if not stages:
        raise ValueError(f"{model}: no stage-N/metrics.jsonl there; give the output folder of `omniforge train`")
    return Shown(
        title=RUN,
        about=f"Trained by this run: {_told(checkpoint)}.",
        charts=tuple(_curves(stages)),
        tables=(_validation(stages),),
        groups=tuple(_groups(RUN, showcase)),
    )


def beside_shown(source: str, showcase: Path) -> Shown:
    """Show the responses of another model (`embedded`, or a folder) under a title that nobody takes for the run's own."""
    title = "The shipped model" if source == "embedded" else f"Another model: {Path(source).name}"
    whence = "Comes with omniforge; this run has not trained it" if source == "embedded" else "Not trained by this run"
    return Shown(
        title=title,
        about=f"{whence}: {_told(model_folder(source))}. It responds to the same held-out records, at its own resolution.",
        groups=tuple(_groups(title, showcase)),
    )


def _told(checkpoint: Path) -> str:
    """How large a model is, how it was trained and on what, and which pictures it makes."""
    training, pixels = read_training(checkpoint), read_origin(checkpoint).tokenize["generation"]
    stages = ", ".join(f"{stage['steps']:,}" for stage in (*stages_before(training), *training["stages"]))
    return (
        f"{training['parameters'] / 1e6:.1f} M parameters, stages of {stages} steps on {training['data']['reference']} "
        f"({training['data']['content_sha256'][:16]}), pictures of {pixels} px"
    )


def _trained(model: Path) -> Iterator[tuple[str, Path]]:
    """Yield the name and the metrics of each lesson and stage of a run, in their order."""
    for stage in sorted(model.glob("stage-*")):
        number = stage.name.partition("-")[2]
        for lesson in sorted(stage.glob("lesson-*"), key=lambda path: int(path.name.partition("-")[2])):
            yield f"stage {number}, lesson {lesson.name.partition('-')[2]}", lesson / METRICS_FILE
        if (stage / METRICS_FILE).is_file():
            yield f"stage {number}", stage / METRICS_FILE


def _metrics(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _curves(stages: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    for part, lines in stages.items():
        values = [
            {"step": line["step"], "loss": line[name], "of": label}
            for name, label in (("loss", "training"), ("validation/loss/all", "held out, all tasks"))
            for line in lines
            if name in line
        ]
        chart = altair.Chart(altair.Data(values=values)).mark_line(strokeWidth=1.5)
        curve = chart.encode(x=altair.X("step:Q"), y=altair.Y("loss:Q"), color=altair.Color("of:N", title=None))
        yield svg(curve, f"{part}: loss")


def _validation(stages: dict[str, list[dict[str, Any]]]) -> TableOnPage:
    """Loss on held-out samples, by task: before training, then after each lesson and stage."""
    points = [("before", _validated(next(iter(stages.values())))[0])]
    points += [(f"after {name}", _validated(lines)[-1]) for name, lines in stages.items()]
    tasks = sorted({name.removeprefix(TASK_LOSS) for _, line in points for name in line if name.startswith(TASK_LOSS)})
    rows = [[task, *(round(line.get(TASK_LOSS + task, float("nan")), 3) for _, line in points)] for task in tasks]
    return TableOnPage("Loss on held-out samples, by task", ["task", *(name for name, _ in points)], rows)


def _validated(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "validation/loss/all" in line]


def _groups(title: str, folder: Path) -> Iterator[Group]:
    entries = json.loads((folder / "showcase.json").read_text(encoding="utf-8"))
    for task in dict.fromkeys(entry["task"] for entry in entries):
        yield Group(f"{title}: {task}", [_card(entry, folder) for entry in entries if entry["task"] == task])


def _card(entry: dict[str, Any], folder: Path) -> Card:
    card = Card(entry["key"], f"{entry['steps']} steps")
    names = {
        "prompt": "prompt",
        "output": "the model's",
        "truth": "the record's",
        "codec": "the record's, by its codes",
    }
    for part, who in names.items():
        for field, value in entry[part].items():
            if field in ("text", "question"):
                card.turns.append(Turn(who, value))
            elif field in ("picture", "cover", "strip"):
                caption = f"{who}, as it was unmasked" if field == "strip" else who
                card.pictures.append(Medium(_uri(folder / value), caption, wide=field == "strip"))
            elif field == "sound" and soundfile.info(folder / value).frames:
                card.sounds.append(Medium(_uri(folder / value), who))
            elif field == "sound":
                # A player of an empty sound looks broken.
                card.turns.append(Turn(who, "(no sound: not one speech code)"))
    return card


def _uri(path: Path) -> str:
    return f"data:{MIME[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
