"""`omniforge publish`: publish what a build's units made so far, without working on the others."""

import argparse
from typing import Any

from omniforge.jobs.arguments import add_config_arguments, config_of


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("publish", help="publish the units of a build that already happened")
    add_config_arguments(parser)
    parser.add_argument("--stage", choices=("pull", "synth", "tokenize"), default="tokenize")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Publish one stage's dataset and say what is in it."""
    from omniforge.jobs.stages import plan_stage, publish_stage
    from omniforge.jobs.summary import summary

    config = config_of(options)
    print(summary(config.root, publish_stage(config, plan_stage(config, options.stage))))
    return 0
