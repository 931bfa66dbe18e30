"""Figures of an evaluation as JSON and as Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from omniforge.trainer.evaluate.run import Results
from omniforge.trainer.evaluate.scores import Figure, difference, figures
from omniforge.trainer.evaluate.suite import Curve, Suite

_DIGITS = 6


def summarise(suite: Suite, results: Results, facts: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return all figures in JSON's types: `facts`, `tasks`, `comparisons` and `curves`; no times, no places.

    A task has `title`, `headline`, `items` and `figures` by series and measure, each `value`, `low`, `high` and `items`. A
    point of a curve is such a figure with the number of steps that was `asked` for (None: the usual one) and the mean of the
    `steps` that were taken: a response takes no more than it has tokens to decide.

    Args:
        suite: The tasks that were run; comparisons and curves of others are left out.
        results: Of `run_suite`.
        facts: What decided the figures.
        seed: Of the resampling.
    """
    tasks = {
        task.name: {
            "title": task.title,
            "headline": task.headline,
            "items": len(results[task.name]),
            "figures": {
                series: {name: _rounded(figure) for name, figure in by_name.items()}
                for series, by_name in figures(results[task.name], seed).items()
            },
        }
        for task in suite.tasks
    }
    comparisons = []
    for compared in suite.comparisons:
        if compared.first in results and compared.second in results:
            found = difference(results[compared.first], results[compared.second], compared.measure, seed)
            if found is not None:
                comparisons.append({**asdict(compared), **_rounded(found)})
    return {
        "suite": suite.name,
        "facts": dict(facts),
        "tasks": tasks,
        "comparisons": comparisons,
        "curves": [entry for curve in suite.curves if (entry := _curve(suite, curve, tasks, results))["points"]],
    }


def _rounded(figure: Figure) -> dict[str, Any]:
    return {name: round(value, _DIGITS) for name, value in asdict(figure).items()}


def _curve(suite: Suite, curve: Curve, tasks: Mapping[str, Any], results: Results) -> dict[str, Any]:
    asked = {task.name: task.steps for task in suite.tasks}
    points = []
    for name in (*curve.points, curve.usual):
        figure = tasks.get(name, {}).get("figures", {}).get("model", {}).get(curve.measure)
        if figure is not None:
            taken = [item.steps for item in results[name] if item.steps is not None]
            points.append({"asked": asked[name], "steps": round(sum(taken) / len(taken), _DIGITS), **figure})
    return {"name": curve.name, "measure": curve.measure, "points": points}


def markdown(summary: Mapping[str, Any], charts: Sequence[str] = ()) -> str:
    """Lay a summary out for people; `charts` are file names of pictures beside the page."""
    shown = [line for chart in charts for line in (f"![{chart}]({chart})", "")]
    return "\n".join((*_head(summary), *overview(summary), *shown, *_details(summary))) + "\n"


def _head(summary: Mapping[str, Any]) -> Iterator[str]:
    facts = summary["facts"]
    yield f"# Evaluation: suite {summary['suite']}"
    yield ""
    yield "Shares in per cent with 95 % confidence intervals (bootstrap over scenes or sentences). WER: lower is better."
    yield "What each measure means: docs/evaluation.md."
    yield ""
    for name, value in facts.items():
        if isinstance(value, Mapping):
            value = ", ".join(f"{key} {inner}" for key, inner in value.items() if not isinstance(inner, Mapping))
        if value != "":
            yield f"- {name}: {value}"
    yield ""


def overview(summary: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of the tables that stand for a whole summary: headlines, comparisons, curves."""
    yield "| task | measure | result | items | beside it |"
    yield "| --- | --- | --- | --- | --- |"
    for name, task in summary["tasks"].items():
        measure = task["headline"]
        series = {label: by_name[measure] for label, by_name in task["figures"].items() if measure in by_name}
        if not series:
            yield f"| {name} | {measure} | nothing to measure | 0 | |"
            continue
        (first, figure), *others = series.items()
        beside = "; ".join(f"{label} {_per_cent(other['value'])}" for label, other in others)
        result = _cell(figure) if first == "model" else f"{first}: {_cell(figure)}"
        yield f"| {name} | {measure} | {result} | {figure['items']} | {beside} |"
    yield ""
    if summary["comparisons"]:
        yield "| compared on the same items | measure | difference in points | items |"
        yield "| --- | --- | --- | --- |"
        for found in summary["comparisons"]:
            yield f"| {found['first']} less {found['second']} | {found['measure']} | {_cell(found)} | {found['items']} |"
        yield ""
    for curve in summary["curves"]:
        yield f"| {curve['name']}: steps asked for | taken, mean | {curve['measure']} |"
        yield "| --- | --- | --- |"
        for point in curve["points"]:
            yield f"| {point['asked'] or 'usual'} | {point['steps']:.1f} | {_cell(point)} |"
        yield ""


def _details(summary: Mapping[str, Any]) -> Iterator[str]:
    for name, task in summary["tasks"].items():
        series = task["figures"]
        measures = list(dict.fromkeys(measure for by_name in series.values() for measure in by_name))
        yield f"## {name}: {task['title']}"
        yield ""
        yield f"| {task['items']} items | {' | '.join(series)} | of |"
        yield f"| --- | {' | '.join('---' for _ in series)} | --- |"
        for measure in measures:
            found = [by_name.get(measure) for by_name in series.values()]
            count = max(figure["items"] for figure in found if figure)
            yield f"| {measure} | {' | '.join(_cell(figure) if figure else '' for figure in found)} | {count} |"
        yield ""


def _cell(figure: Mapping[str, Any]) -> str:
    return f"{_per_cent(figure['value'])} [{_per_cent(figure['low'])}, {_per_cent(figure['high'])}]"


def _per_cent(value: float) -> str:
    return f"{100 * value:.1f}"
