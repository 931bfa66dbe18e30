"""`omniforge report`: one HTML page that shows a dataset version."""

import argparse
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
    parser.add_argument("--responses", type=int, default=3, metavar="N", help="responses for each task (default: 3)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    from omniforge.pipeline.reference import open_dataset
    from omniforge.pipeline.report import render

    dataset = open_dataset(options.reference)
    page = render(dataset, options.samples, _shown(options, dataset.reference) if options.model else None)
    output = Path(options.output)
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")
    print(f"wrote {output} ({len(page) / 1e6:.1f} MB)")
    return 0


def _shown(options: argparse.Namespace, reference: str) -> "Shown":
    """Let the last stage's model respond to held-out records, beside the page."""
    from omniforge.jobs.showcase import showcase
    from omniforge.jobs.training_shown import shown
    from omniforge.trainer.checkpoint import checkpoints

    model = Path(options.model)
    there = [checkpoint for stage in sorted(model.glob("stage-*")) for checkpoint in checkpoints(stage)]
    if not there:
        raise ValueError(f"{model}: no checkpoint of a stage there; give the output folder of `omniforge train`")
    folder = Path(options.output).with_suffix(".responses")
    showcase(str(there[-1]), reference, folder, per_task=options.responses)
    return shown(model, folder)
