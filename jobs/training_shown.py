"""What a page shows of a training run: loss curves, validation by task after each stage, responses to held-out records."""

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import altair

from omniforge.pipeline.report import Shown, TableOnPage
from omniforge.pipeline.report_cards import Card, Group, Medium, Turn
from omniforge.pipeline.report_charts import svg

MIME = {".png": "image/png", ".wav": "audio/wav"}
TASK_LOSS = "validation/loss/task/"


def shown(model: Path, showcase: Path) -> Shown:
    """Read a run's folder (`stage-N/metrics.jsonl`) and its showcase (`showcase.json`)."""
    stages = {int(path.parent.name.split("-")[1]): list(_metrics(path)) for path in sorted(model.glob("stage-*/metrics.jsonl"))}
    if not stages:
        raise ValueError(f"{model}: no stage-N/metrics.jsonl there; give the output folder of `omniforge train`")
    entries = json.loads((showcase / "showcase.json").read_text(encoding="utf-8"))
    return Shown(charts=tuple(_curves(stages)), tables=(_validation(stages),), groups=tuple(_groups(entries, showcase)))


def _metrics(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def _curves(stages: dict[int, list[dict[str, Any]]]) -> Iterator[str]:
    for number, lines in stages.items():
        values = [
            {"step": line["step"], "loss": line[name], "of": label}
            for name, label in (("loss", "training"), ("validation/loss/all", "held out, all tasks"))
            for line in lines
            if name in line
        ]
        chart = altair.Chart(altair.Data(values=values)).mark_line(strokeWidth=1.5)
        curve = chart.encode(x=altair.X("step:Q"), y=altair.Y("loss:Q"), color=altair.Color("of:N", title=None))
        yield svg(curve, f"stage {number}: loss")


def _validation(stages: dict[int, list[dict[str, Any]]]) -> TableOnPage:
    """Loss on held-out samples, by task: before training, then after each stage."""
    points = [("before", _validated(stages[min(stages)])[0])]
    points += [(f"after stage {number}", _validated(lines)[-1]) for number, lines in stages.items()]
    tasks = sorted({name.removeprefix(TASK_LOSS) for _, line in points for name in line if name.startswith(TASK_LOSS)})
    rows = [[task, *(round(line.get(TASK_LOSS + task, float("nan")), 3) for _, line in points)] for task in tasks]
    return TableOnPage("Loss on held-out samples, by task", ["task", *(name for name, _ in points)], rows)


def _validated(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [line for line in lines if "validation/loss/all" in line]


def _groups(entries: list[dict[str, Any]], folder: Path) -> Iterator[Group]:
    for task in dict.fromkeys(entry["task"] for entry in entries):
        yield Group(f"model: {task}", [_card(entry, folder) for entry in entries if entry["task"] == task])


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
            elif field == "sound":
                card.sounds.append(Medium(_uri(folder / value), who))
    return card


def _uri(path: Path) -> str:
    return f"data:{MIME[path.suffix]};base64,{base64.b64encode(path.read_bytes()).decode()}"
