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
    """Run the chain by the same commands that a user types, each shown before it runs."""
    from omniforge.jobs.cli import main

    output = Path(options.output)
    root = output / "root"
    chain = [
        ["build", "--config", "demo.yaml", f"root={root}"],
        ["validate", "--inputs", f"{root}/demo@latest"],
        ["stats", f"{root}/demo@latest"],
        ["train", "--config", "train_demo.yaml", f"data={root}/demo@latest", f"output={output / 'model'}"],
        ["report", f"{root}/demo@latest", "--model", str(output / "model"), "--output", str(output / "report.html")],
    ]
    started = time.monotonic()
    for command in chain:
        print(f"\n$ omniforge {' '.join(command)}", flush=True)
        code = main(command)
        if code:
            return code
    print(f"\ndone in {time.monotonic() - started:.0f} s; open {output / 'report.html'} in a browser")
    return 0
