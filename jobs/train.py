"""`omniforge train`: three stages from a published token dataset to a model."""

import argparse
import os
from typing import Any


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "train",
        help="train a model on a token dataset, stage after stage; run again, it goes on from the last checkpoint",
        description="Several processes: processes=N runs N Ray Train workers (also from `ray job submit`); or start the "
        "command itself with `torchrun --nproc-per-node N -m omniforge.jobs.cli train ...`.",
    )
    parser.add_argument("--config", metavar="FILE", required=True, help="YAML file of the run, for example train_demo.yaml")
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. data=ROOT/name@latest stages=1,2,3 output=DIR")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Train, and say where the model is."""
    from omniforge.jobs.config import load_config
    from omniforge.trainer.config import TrainConfig
    from omniforge.trainer.train import train

    config = load_config(TrainConfig, options.config, options.overrides)
    if config.processes > 1:
        from omniforge.jobs.train_ray import train_on_ray

        model = train_on_ray(config)
    else:
        model = train(config)
    if os.environ.get("RANK", "0") == "0":
        print(f"model: {model}")
    return 0
