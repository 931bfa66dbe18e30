"""`omniforge explain`: from a sample back to its unit, its record, what that was made from, and the source."""

import argparse
from typing import Any

from omniforge.jobs.arguments import add_reference_argument


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("explain", help="trace a sample or record back to the file it came from")
    add_reference_argument(parser)
    parser.add_argument("key", metavar="KEY", help="the key of a sample or a record")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the chain, a block for each thing on the way."""
    from omniforge.pipeline.lineage import explain
    from omniforge.pipeline.reference import open_dataset

    for step in explain(open_dataset(options.reference), options.key):
        print(f"{step.what} {step.name}")
        for name, value in step.facts.items():
            print(f"    {name}: {value}")
    return 0
