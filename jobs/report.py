"""`omniforge report`: one HTML page that shows a dataset version."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omniforge.jobs.arguments import add_reference_argument

if TYPE_CHECKING:
    from omniforge.pipeline.report import Shown


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("report", help="write a page with numbers, samples to look at and hear, and refusals")
    add_reference_argument(parser)
    parser.add_argument("--output", metavar="FILE", default="report.html", help="where the page goes (default: report.html)")
    parser.add_argument("--samples", type=int, default=6, metavar="N", help="cards for each task (default: 6)")
    parser.add_argument("--model", metavar="FOLDER", help="output of `omniforge train` on this dataset, to be shown as well")
    parser.add_argument(
        "--beside",
        metavar="MODEL",
        help="another model to respond to the same records: embedded (the shipped one), or a folder",
    )
    parser.add_argument("--responses", type=int, default=3, metavar="N", help="responses for each task (default: 3)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from omniforge.pipeline.reference import open_dataset
    from omniforge.pipeline.report import render

    dataset = open_dataset(options.reference)
    page = render(dataset, options.samples, list(_models(options, dataset.reference)))
    output = Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")
    print(f"wrote {output} ({len(page) / 1e6:.1f} MB)")
    return 0


def _models(options: argparse.Namespace, reference: str) -> "Iterator[Shown]":
    """Let the last stage's model, and the one beside it, respond to held-out records; their files go beside the page."""
    from omniforge.jobs.showcase import showcase
    from omniforge.jobs.training_shown import beside_shown, run_shown
    from omniforge.trainer.release import last_checkpoint

    folder = Path(options.output).with_suffix(".responses")
    if options.model:
        model = Path(options.model)
        checkpoint = last_checkpoint(model)
        showcase(str(checkpoint), reference, folder, per_task=options.responses)
        yield run_shown(model, checkpoint, folder)
    if options.beside:
        showcase(options.beside, reference, folder / "beside", per_task=options.responses, own_origin=True)
        yield beside_shown(options.beside, folder / "beside")
