"""`omniforge plan`: what a build would do, before anything starts."""

import argparse
from typing import Any

from omniforge.jobs.arguments import add_config_arguments, config_of


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("plan", help="show the units of a stage and how many of them happened already")
    add_config_arguments(parser)
    parser.add_argument("--stage", choices=("pull", "synth", "tokenize"), default="pull")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print a line for each corpus (or input dataset): units, records, how many are done."""
    from omniforge.jobs.stages import plan_stage
    from omniforge.pipeline.ledger import committed
    from omniforge.pipeline.storage import open_store

    config = config_of(options)
    planned = plan_stage(config, options.stage)
    done = committed(open_store(config.root, single_writer=True), planned.units)
    print(f"{options.stage} of {config.base_name}: {len(planned.units)} units, {len(done)} happened already")
    for corpus in sorted({unit.corpus for unit in planned.units}):
        units = [unit for unit in planned.units if unit.corpus == corpus]
        records = sum(unit.stop - unit.start for unit in units)
        finished = sum(unit.id in done for unit in units)
        print(
            f"  {corpus}: {len(units)} units ({finished} done), {records} records in {len({u.container for u in units})} files"
        )
    return 0
