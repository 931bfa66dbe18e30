"""One page that shows a dataset version: numbers, charts, samples to look at and listen to, refusals. Self-contained."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import jinja2

from omniforge.pipeline.catalog import connect, lineage
from omniforge.pipeline.reference import Dataset
from omniforge.pipeline.report_cards import Group, groups
from omniforge.pipeline.report_charts import charts
from omniforge.pipeline.tokenization import TokenizeConfig, Tokenizers
from omniforge.schemas.quarantine import REASONS
from omniforge.schemas.record import STAGES

TABLES = {
    "Corpora": "select * from corpora",
    "Tasks": "select * from tasks",
    "Datasets": """
        select dataset, count(*) as units, sum(read) as read, sum(kept) as kept, sum(refused) as refused, sum(failed) as failed,
               count(shard) as shards, round(sum(shard_bytes) / 1e6, 1) as megabytes
        from units group by dataset order by dataset""",
    "Voices": "select * from voices order by utterances desc, voice limit 20",
}


@dataclass(frozen=True, slots=True)
class TableOnPage:
    """A table as the page shows it."""

    title: str
    columns: list[str]
    rows: list[list[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page shows above its dataset, such as a model trained on it: what it is, charts as SVG, tables, cards."""

    title: str
    about: str
    charts: tuple[str, ...] = ()
    tables: tuple[TableOnPage, ...] = ()
    groups: tuple[Group, ...] = ()


def render(dataset: Dataset, samples: int = 6, models: Sequence[Shown] = ()) -> str:
    """Return the page as HTML. Pictures and speech of a token dataset are decoded from their codes beside the originals."""
    content = dataset.manifest.content
    tokenizers = None
    if content.layer == "tokens":
        tokenizers = Tokenizers.load(TokenizeConfig(**content.config["tokenize"]))
        if tokenizers.vocabulary.fingerprint != content.vocabulary["fingerprint"]:
            raise ValueError(
                f"{dataset.reference} was made with another vocabulary than its tokenizers give now; install the version of "
                f"omniforge that made it ({content.code_version}) or tokenize again"
            )
    connection = connect(dataset)
    try:
        # A media dataset is shown without what it was made from; samples stand beside the records they were made of.
        own = f"where dataset = '{content.name}'" if content.layer == "media" else ""
        for view in ("records", "utterances"):
            connection.execute(f"create view shown_{view} as select * from {view} {own}")
        template = jinja2.Template(Path(__file__).with_name("report.html.j2").read_text(encoding="utf-8"), autoescape=True)
        page: str = template.render(
            reference=dataset.manifest.reference,
            layer=content.layer,
            created=dataset.manifest.created,
            digest=dataset.manifest.content_sha256[:16],
            inputs=", ".join(reference.split("@")[0] for reference in content.inputs),
            code_version=content.code_version,
            totals=_totals(dataset),
            models=models,
            charts=list(charts(connection, content.layer)),
            tables=[table for title, sql in TABLES.items() if (table := _table(connection, title, sql)).rows],
            groups=groups(connection, lineage(dataset).datasets, tokenizers, samples),
            refusals=_refusals(connection),
        )
        return page
    finally:
        connection.close()


def _totals(dataset: Dataset) -> list[tuple[str, str]]:
    totals = dataset.manifest.content.totals
    shown = [("read", totals.read), ("kept", totals.kept), ("refused", totals.refused), ("failed", totals.failed)]
    cells = [(name, f"{value:,}") for name, value in shown]
    cells += [("shards", f"{totals.shards:,}"), ("megabytes", f"{totals.shard_bytes / 1e6:.1f}")]
    cells += [("hours of speech", f"{totals.seconds / 3600:.2f}")]
    return cells + [(f"{name} tokens", f"{count:,}") for name, count in totals.tokens.items()]


def _table(connection: duckdb.DuckDBPyConnection, title: str, sql: str) -> TableOnPage:
    result = connection.execute(sql)
    columns = [column[0] for column in result.description]
    return TableOnPage(title, columns, [["" if value is None else value for value in row] for row in result.fetchall()])


EXAMPLES = 3
"""Refused records of a reason that are shown."""


def _refusals(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Refused records by stage (the last first), task and reason; examples: whence, what was wrong or heard, and the text."""
    sql = f"""
        select stage, task, reason, count(*) as records,
               min_by({{key: key, uri: source_uri, detail: detail, evidence: evidence}}, md5(source_uri || key), {EXAMPLES})
        from quarantine group by stage, task, reason order by records desc, task, reason"""
    found = connection.execute(sql).fetchall()
    keys = [example["key"] for *_, examples in found for example in examples]
    sql = "select key, coalesce(question, text) from records where key in (select unnest(?::varchar[]))"
    texts = dict(connection.execute(sql, [keys]).fetchall())
    return [
        {
            "stage": f"{stage} {task}".strip(),
            "reason": reason,
            "meaning": REASONS[reason],
            "records": records,
            "examples": [_example(example, texts.get(example["key"])) for example in examples],
        }
        for stage, task, reason, records, examples in sorted(found, key=lambda row: -STAGES.index(row[0]))
    ]


def _example(example: dict[str, Any], text: str | None) -> dict[str, Any]:
    """The parts of a detail a line each: a round trip tells what was heard of each voice that tried."""
    said = text or _printable(example["evidence"])
    return {"uri": example["uri"], "text": said[:200], "details": [part[:300] for part in example["detail"].split(" | ")]}


def _printable(evidence: bytes) -> str:
    """The text that evidence is, without the character that the cut at 1 KiB went through; nothing of a picture or a sound."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(evidence)
    except UnicodeDecodeError:
        return ""
    return text if all(part.isprintable() for part in text.split()) else ""
