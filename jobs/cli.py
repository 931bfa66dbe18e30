"""The command `omniforge`: one sub-command a job, each in a file of its own."""

import argparse
import os
import sys
from collections.abc import Sequence

from omniforge.jobs import (
    build,
    demo,
    evaluate,
    explain,
    export,
    generate,
    model,
    plan,
    publish,
    report,
    stage,
    stats,
    status,
    tokenizer,
    train,
    validate,
)
from omniforge.jobs.config import ConfigError
from omniforge.pipeline.engine import EngineError
from omniforge.pipeline.storage import StorageError

COMMANDS = (
    demo,
    plan,
    stage,
    build,
    publish,
    validate,
    stats,
    report,
    export,
    status,
    explain,
    tokenizer,
    train,
    generate,
    model,
    evaluate,
)
DONE, FAILED, USAGE = 0, 1, 2


def parser() -> argparse.ArgumentParser:
    """Assemble the parser from the commands' own files."""
    top = argparse.ArgumentParser(prog="omniforge", description="Build a corpus for, and train, an any-to-any model.")
    subparsers = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.register(subparsers)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed, 2 usage. An error for the user is one message, not a trace."""
    # Nothing here reaches the network unasked; models come from packages or paths.
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    options = parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except ConfigError as error:
        print(f"omniforge {options.command}: {error}", file=sys.stderr)
        return USAGE
    except (StorageError, EngineError, ValueError, OSError) as error:
        print(f"omniforge {options.command}: {error}", file=sys.stderr)
        return FAILED


if __name__ == "__main__":
    sys.exit(main())
