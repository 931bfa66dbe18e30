"""`omniforge build`: pull, synth and tokenize from one configuration."""

import argparse
from typing import Any

from omniforge.jobs.arguments import add_config_arguments, config_of


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("build", help="pull, synth and tokenize: from raw corpora to a published token dataset")
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the stages in order; each publishes its dataset, and the next one starts from it."""
    from omniforge.jobs.stages import STAGES, run_stage
    from omniforge.jobs.summary import summary

    config = config_of(options)
    for stage in STAGES:
        manifest = run_stage(config, stage)
        print(summary(config.root, manifest) if manifest else f"{stage}: nothing to do for this configuration", flush=True)
    return 0
