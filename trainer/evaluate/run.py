"""Run a suite task by task; what is done is kept, so that a killed evaluation goes on."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from omniforge.trainer.evaluate.bench import Bench
from omniforge.trainer.evaluate.scores import ScoredItem
from omniforge.trainer.evaluate.suite import EvaluationTask, Suite

FACTS_FILE = "facts.json"
TASKS_FOLDER = "tasks"
Results = dict[str, list[ScoredItem]]


def run_suite(
    suite: Suite,
    bench: Bench,
    folder: Path,
    facts: Mapping[str, Any],
    on_task: Callable[[EvaluationTask, int, bool], None] = lambda task, items, known: None,
) -> Results:
    """Run the tasks that the folder does not hold yet, and return the scored items of all.

    Args:
        suite: What to run.
        bench: With whom.
        folder: Made if absent; gets `facts.json` and `tasks/NAME.json` as soon as a task is done.
        facts: Everything that decides the figures, in JSON's types.
        on_task: Called after each task with the number of its items, and whether they were there already.

    Raises:
        ValueError: The folder holds results of other facts, or a damaged file.
    """
    _claim(folder, facts)
    results: Results = {}
    for task in suite.tasks:
        path = folder / TASKS_FOLDER / f"{task.name}.json"
        known = path.is_file()
        results[task.name] = _read(path) if known else task.run(bench)
        if not known:
            write_json(path, [asdict(item) for item in results[task.name]])
        on_task(task, len(results[task.name]), known)
    return results


def select(suite: Suite, names: Sequence[str]) -> Suite:
    """Keep the tasks of these names.

    Raises:
        ValueError: One is unknown.
    """
    there = [task.name for task in suite.tasks]
    if strangers := [name for name in names if name not in there]:
        raise ValueError(f"suite {suite.name}: no task {strangers[0]!r}; there are {', '.join(there)}")
    return replace(suite, tasks=tuple(task for task in suite.tasks if task.name in names))


def _claim(folder: Path, facts: Mapping[str, Any]) -> None:
    path = folder / FACTS_FILE
    if not path.is_file():
        write_json(path, facts)
        return
    there = _load(path)
    if not isinstance(there, dict):
        raise ValueError(f"{path}: expected an object; give another --output folder")
    wanted = json.loads(json.dumps(facts))
    if differing := sorted(name for name in {*there, *wanted} if there.get(name) != wanted.get(name)):
        raise ValueError(
            f"{folder} holds results of another evaluation, with other {', '.join(differing)}; give another --output folder"
        )


def _read(path: Path) -> list[ScoredItem]:
    try:
        return [_item(values) for values in _load(path)]
    except (TypeError, KeyError, AttributeError) as error:
        raise ValueError(f"{path}: not the items of a task ({error!r}); delete it, and the task is run again") from error


def _item(values: Mapping[str, Any]) -> ScoredItem:
    measures = {
        series: {name: (float(right), float(of)) for name, (right, of) in by_name.items()}
        for series, by_name in values["measures"].items()
    }
    return ScoredItem(**{**values, "measures": measures})


def _load(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: not JSON ({error}); delete it, and what it held is made again") from error


def write_json(path: Path, content: Any) -> None:
    """Write a value as readable JSON, as `write_text` does."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write beside and rename, so that a file is whole: what was there before, or this."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)
