"""Publish all units of a root as dataset `demo`, once told to on the standard input. A program, so that two can race.

python publish_once.py ROOT CODE_VERSION
"""

import sys

from omniforge.pipeline.ledger import read_entry
from omniforge.pipeline.manifest import publish
from omniforge.pipeline.storage import open_store


def main(root: str, code_version: str) -> None:
    store = open_store(root)
    units = [key.rsplit("/", 1)[-1].removesuffix(".json") for key in store.list("ledger")]
    entries = {unit: read_entry(store, unit) for unit in units}
    print("ready", flush=True)
    sys.stdin.readline()
    made = publish(
        store, layer="media", name="demo", entries=entries, code_version=code_version, config={}, models={}, inputs=()
    )
    print(made.version)


if __name__ == "__main__":
    main(*sys.argv[1:])
