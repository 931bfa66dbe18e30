"""`omniforge pull | synth | tokenize`: one stage of a build."""

import argparse
from typing import Any

from omniforge.jobs.arguments import add_config_arguments, config_of

HELP = {
    "pull": "read the corpora, check every record, publish the media dataset",
    "synth": "speak what the media dataset says, check it by recognition, publish the SDVI dataset",
    "tokenize": "turn media and SDVI into task samples of token ids, publish the token dataset",
}


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the three commands."""
    for name, text in HELP.items():
        parser = subparsers.add_parser(name, help=text)
        add_config_arguments(parser)
        parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the stage that the command is named for, and say what was published."""
    from omniforge.jobs.stages import run_stage
    from omniforge.jobs.summary import summary

    config = config_of(options)
    manifest = run_stage(config, options.command)
    print(summary(config.root, manifest) if manifest else f"{options.command}: nothing to do for this configuration")
    return 0
