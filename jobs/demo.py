"""`omniforge demo`: the whole chain on embedded defaults, from corpora to a page that shows what came of them."""

import argparse
import time
from pathlib import Path
from typing import Any


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("demo", help="build, train and show the embedded defaults; nothing to download")
    parser.add_argument("--output", metavar="FOLDER", default="demo", help="where datasets and page go (default: demo)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the chain by the same commands that a user types."""
    from omniforge.pipeline.reference import open_dataset

    output = Path(options.output)
    root = output / "root"
    started = time.monotonic()
    if code := _run(["build", "--config", "demo.yaml", f"root={root}"]):
        return code
    version = open_dataset(f"{root}/demo").manifest.version
    # A model belongs to the version it learnt from: after an upgrade that makes other tokens, the demo begins a new one.
    data, model, page = f"{root}/demo@v{version}", str(output / f"model-v{version}"), str(output / "report.html")
    for command in (
        ["validate", "--inputs", data],
        ["stats", data],
        ["train", "--config", "train_demo.yaml", f"data={data}", f"output={model}"],
        ["report", data, "--model", model, "--output", page],
    ):
        if code := _run(command):
            return code
    print(f"\ndone in {time.monotonic() - started:.0f} s; open {page} in a browser")
    return 0


def _run(command: list[str]) -> int:
    """Run a command as a user types it, shown before it runs."""
    from omniforge.jobs.cli import main

    print(f"\n$ omniforge {' '.join(command)}", flush=True)
    return main(command)
