"""`omniforge status`: how far a build is, stage by stage."""

import argparse
from typing import Any

from omniforge.jobs.arguments import add_config_arguments, config_of


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser("status", help="how many units of each stage happened, and what is published")
    add_config_arguments(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print units done, outcomes and the latest version of each stage; stages that wait for another say so."""
    from collections import Counter

    from omniforge.jobs.stages import STAGES, plan_stage
    from omniforge.pipeline.ledger import committed
    from omniforge.pipeline.reference import versions
    from omniforge.pipeline.storage import StorageError, open_store

    config = config_of(options)
    store = open_store(config.root, single_writer=True)
    for stage in STAGES:
        try:
            planned = plan_stage(config, stage)
        except StorageError as error:
            print(f"{stage}: waiting: {error}")
            continue
        done = committed(store, planned.units)
        reasons = sum((Counter(entry.counts.reasons) for entry in done.values()), Counter[str]())
        kept, read = (sum(getattr(entry.counts, name) for entry in done.values()) for name in ("kept", "read"))
        there = versions(store, config.dataset(stage))
        published = f"latest v{there[-1]}" if there else "not published"
        print(f"{stage}: {len(done)}/{len(planned.units)} units, {kept} of {read} records kept, {published}")
        for reason, count in reasons.most_common(8):
            print(f"    {reason}: {count}")
    return 0
