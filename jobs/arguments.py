"""Arguments that several commands share."""

import argparse
from typing import TYPE_CHECKING

from omniforge.jobs.config import load_config

if TYPE_CHECKING:
    from omniforge.jobs.build_config import BuildConfig


def add_config_arguments(parser: argparse.ArgumentParser) -> None:
    """`--config FILE`, `--limit N`, `--single-writer` and `key=value` overrides."""
    parser.add_argument("--config", metavar="FILE", required=True, help="YAML file of the build, for example demo.yaml")
    parser.add_argument("--limit", type=int, metavar="N", help="only so many records of each corpus: the canary of a long run")
    parser.add_argument(
        "--single-writer", action="store_true", help="allow a store that ignores If-None-Match; only one job may write to it"
    )
    parser.add_argument("overrides", nargs="*", metavar="key=value", help="e.g. root=s3://bucket/corpus data=PATH")


def config_of(options: argparse.Namespace) -> "BuildConfig":
    """Read the build configuration that the arguments describe."""
    from omniforge.jobs.build_config import BuildConfig

    overrides = list(options.overrides)
    if options.limit is not None:
        overrides.append(f"limit={options.limit}")
    if options.single_writer:
        overrides.append("single_writer=true")
    return load_config(BuildConfig, options.config, overrides)


def add_reference_argument(parser: argparse.ArgumentParser) -> None:
    """A dataset reference, positional."""
    parser.add_argument("reference", metavar="REF", help="ROOT/name, ROOT/name@v3, ROOT/name@latest or ROOT/name@sha256:...")
