"""`omniforge report`: one HTML page that shows a dataset version."""

import argparse
from pathlib import Path
from typing import Any

from omniforge.jobs.arguments import add_reference_argument


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("report", help="write a page with numbers, samples to look at and hear, and refusals")
    add_reference_argument(parser)
    parser.add_argument("--output", metavar="FILE", default="report.html", help="where the page goes (default: report.html)")
    parser.add_argument("--samples", type=int, default=6, metavar="N", help="cards for each task (default: 6)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from omniforge.pipeline.reference import open_dataset
    from omniforge.pipeline.report import render

    page = render(open_dataset(options.reference), options.samples)
    output = Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")
    print(f"wrote {output} ({len(page) / 1e6:.1f} MB)")
    return 0
