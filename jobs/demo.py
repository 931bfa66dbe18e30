"""`omniforge demo`: the whole chain on embedded defaults, from corpora to a page that shows what came of them."""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from omniforge.pipeline.reference import Dataset


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """A chain by the configurations that its build and its training have by default, and where it goes."""

    build: str
    train: str
    output: str


SHORT = Chain(build="demo.yaml", train="train_demo.yaml", output="demo")
FULL = Chain(build="full.yaml", train="train_full.yaml", output="demo-full")


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    parser = subparsers.add_parser(
        "demo",
        help="build, train and show the embedded defaults; nothing to download",
        description="Each step is a command that is shown before it runs. Killed anywhere and run again, it goes on.",
    )
    parser.add_argument(
        "--full",
        action="store_true",
        help="the chain that the shipped model comes from, evaluation included: hours",
    )
    parser.add_argument("--output", metavar="FOLDER", help="where everything goes (default: demo, with --full demo-full)")
    for part in ("build", "train"):
        parser.add_argument(
            f"--{part}", action="append", default=[], metavar="KEY=VALUE", help=f"override of the configuration of `{part}`"
        )
    parser.add_argument("--samples", type=int, metavar="N", help="of the evaluation of --full (default: that of `evaluate`)")
    parser.add_argument("--device", help="where the evaluation of --full runs, such as cuda (default: cpu)")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Run the chain by the same commands that a user types."""
    from omniforge.jobs.build_config import BuildConfig
    from omniforge.jobs.config import ConfigError, load_config
    from omniforge.pipeline.reference import open_dataset

    if not options.full and _evaluated(options):
        raise ConfigError(
            "--samples and --device are of the evaluation, which --full alone makes; add --full or leave them out"
        )
    chain = FULL if options.full else SHORT
    output = Path(options.output or chain.output)
    build = [f"root={output / 'root'}", *options.build]
    config = load_config(BuildConfig, chain.build, build)
    started = time.monotonic()
    if code := _run(["build", "--config", chain.build, *build]):
        return code
    for command in after_build(options, chain, output, open_dataset(f"{config.root}/{config.base_name}")):
        if code := _run(command):
            return code
    print(f"\ndone in {time.monotonic() - started:.0f} s; open {output / 'report.html'} in a browser")
    return 0


def after_build(options: argparse.Namespace, chain: Chain, output: Path, dataset: "Dataset") -> list[list[str]]:
    """List the commands that follow the build.

    What is made of a version carries its number: after an upgrade that makes other tokens, the demo begins a new model.
    """
    import torch

    from omniforge.tokenizers.precision import measured_precision

    data, version = dataset.reference, dataset.manifest.version
    model, exported, evaluation = (str(output / f"{what}-v{version}") for what in ("model", "export", "evaluation"))
    # Some CPUs are twice as fast in bfloat16 as in float32, others many times as slow.
    precision = [f"precision={measured_precision('cuda' if torch.cuda.is_available() else 'cpu')}"] if options.full else []
    commands = [
        ["validate", "--inputs", data],
        ["stats", data],
        ["train", "--config", chain.train, f"data={data}", f"output={model}", *precision, *options.train],
    ]
    # Evaluated is what is given away: rounding to float16 makes other weights.
    given = [
        ["model", "export", model, "--output", exported],
        [
            *("evaluate", exported, "--suite", "scenes", "--data", data, "--output", evaluation),
            *(word for name, value in _evaluated(options).items() for word in (f"--{name}", str(value))),
        ],
        ["model", "card", exported, "--evaluation", evaluation],
    ]
    beside = [] if options.full else _shipped(dataset)
    report = ["report", data, "--model", model, *beside, "--output", str(output / "report.html")]
    return [*commands, *(given if options.full else []), report]


def _evaluated(options: argparse.Namespace) -> dict[str, Any]:
    """Return the options that are given and go on to `evaluate`."""
    return {name: value for name in ("samples", "device") if (value := getattr(options, name)) is not None}


def _shipped(dataset: "Dataset") -> Sequence[str]:
    """Ask for the shipped model on the page, if there is one that speaks in the same tokens; say so if not."""
    from omniforge.trainer.generation.origin import read_origin
    from omniforge.trainer.model.source import model_folder

    try:
        folder = model_folder("embedded")
    except ValueError as error:
        print(f"\nthe page will show the model of this run alone: {error}")
        return []
    own = dataset.manifest.content.models
    theirs = read_origin(folder).models
    if differing := sorted(name for name in {*own, *theirs} if own.get(name) != theirs.get(name)):
        print(f"\nthe page will show the model of this run alone: the shipped one has another {', '.join(differing)}")
        return []
    return ["--beside", "embedded"]


def _run(command: list[str]) -> int:
    """Run a command as a user types it, shown before it runs."""
    import shlex

    from omniforge.jobs.cli import main

    print(f"\n$ omniforge {shlex.join(command)}", flush=True)
    return main(command)
