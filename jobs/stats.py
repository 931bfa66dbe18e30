"""`omniforge stats`: questions about a dataset version, in SQL."""

import argparse
import json
import sys
from typing import Any

from omniforge.jobs.arguments import add_reference_argument


def register(subparsers: "argparse._SubParsersAction[Any]") -> None:
    """Add the command."""
    from omniforge.pipeline.catalog import VIEWS

    views = "\n".join(f"  {name}: {text}" for name, text in VIEWS.items())
    parser = subparsers.add_parser(
        "stats",
        help="tables of what a dataset holds, or the answer to a query",
        description=f"Views:\n{views}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add_reference_argument(parser)
    parser.add_argument("--sql", help="a query over the views")
    parser.add_argument("--json", action="store_true", help="a JSON object a line instead of a table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Answer one query, or show corpora, tasks, refusals and voices."""
    import duckdb

    from omniforge.pipeline.catalog import VIEWS, connect, rows
    from omniforge.pipeline.reference import open_dataset

    connection = connect(open_dataset(options.reference))
    try:
        if options.sql and options.json:
            for row in rows(connection, options.sql):
                sys.stdout.write(json.dumps(row, default=str, ensure_ascii=False) + "\n")
        elif options.json:
            for name, sql in OVERVIEW.items():
                sys.stdout.write(json.dumps({name: list(rows(connection, sql))}, default=str, ensure_ascii=False) + "\n")
        elif options.sql:
            print(connection.sql(options.sql))
        else:
            for name, sql in OVERVIEW.items():
                print(f"{name}\n{connection.sql(sql)}")
    except duckdb.Error as error:
        raise ValueError(f"{error}\nviews: {', '.join(VIEWS)}") from None
    finally:
        connection.close()
    return 0


OVERVIEW = {
    "corpora": "from corpora",
    "tasks": "from tasks",
    "refusals": "select stage, reason, count(*) as records from quarantine group by all order by records desc, reason",
    "voices": "from voices",
}
