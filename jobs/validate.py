"""`omniforge validate`: hold a published version against everything it claims."""

import argparse
from typing import Any

from omniforge.jobs.arguments import add_reference_argument


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("validate", help="check hashes, contracts, members, token ids and accounts of a version")
    add_reference_argument(parser)
    parser.add_argument("--inputs", action="store_true", help="check what the version was made from as well")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print every finding; 1 if there is any."""
    from omniforge.pipeline.catalog import lineage
    from omniforge.pipeline.reference import open_dataset
    from omniforge.pipeline.validation import validate

    dataset = open_dataset(options.reference)
    found = 0
    for checked in lineage(dataset).datasets if options.inputs else (dataset,):
        findings = list(validate(checked))
        found += len(findings)
        for finding in findings:
            print(f"{checked.manifest.reference}: {finding.where}: {finding.what}")
        totals = checked.manifest.content.totals
        print(f"{checked.reference}: {totals.shards} shards, {totals.kept} rows: {len(findings)} findings")
    return 1 if found else 0
