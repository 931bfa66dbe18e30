"""The report's charts as SVG, so that the page needs no script and no network."""

from collections.abc import Iterator
from dataclasses import dataclass

import altair
import duckdb
import vl_convert

WIDTH, HEIGHT = 300, 180
BINS = 30
ROLES = {"question": "#4c6ef5", "answer": "#f76707", "speech": "#12b886"}


@dataclass(frozen=True, slots=True)
class Histogram:
    """A column of utterances that is counted in bins, apart by role. With `rare`, small counts show beside great ones."""

    column: str
    title: str
    rare: bool = False


SPEECH = (
    Histogram("seconds", "seconds of an utterance"),
    Histogram("wer", "word error rate by the recogniser", rare=True),
    Histogram("words_per_second", "words a second"),
    Histogram("quality", "speech quality (1 to 5)"),
)


def charts(connection: duckdb.DuckDBPyConnection, layer: str) -> Iterator[str]:
    """Yield the SVG of each chart whose table has rows; histograms are counted in SQL, so no column is loaded whole.

    `connection` has the views `shown_records` and `shown_utterances`, what the page is about.
    """
    if layer == "tokens":
        yield from _bars(connection, "select task as name, count(*) as n from samples group by 1", "samples by task")
        sql = "select task as name, sum(length) as n from samples group by 1"
        yield from _bars(connection, sql, "tokens by task")
        yield from _lengths(connection)
    yield from _bars(connection, "select kind as name, count(*) as n from shown_records group by 1", "records by kind")
    yield from _voices(connection)
    for histogram in SPEECH:
        yield from _by_role(connection, histogram)
    sql = """
        select split_part(trim(part), ' ', 1) as name, count(*) as n
        from (select unnest(string_split(augmentation, ';')) as part from shown_utterances where augmentation <> '')
        group by 1"""
    yield from _bars(connection, sql, "augmented utterances, by effect")
    sql = "select reason as name, count(*) as n from quarantine group by 1 order by n desc limit 12"
    yield from _bars(connection, sql, "refused, by reason")


def _bars(connection: duckdb.DuckDBPyConnection, sql: str, title: str) -> Iterator[str]:
    values = [{"name": name, "n": int(count)} for name, count in connection.execute(sql).fetchall()]
    if values:
        chart = altair.Chart(altair.Data(values=values)).mark_bar(color="#4c6ef5")
        yield svg(chart.encode(x=altair.X("n:Q", title=None), y=altair.Y("name:N", sort="-x", title=None)), title)


def _voices(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    """A bar for each voice, the busiest first, or for so many of them at once that the bars can be told apart."""
    sql = """
        select bar, avg(n) from (
            select n, (row_number() over (order by n desc) - 1) * least(count(*) over (), 170) // count(*) over () as bar
            from (select count(*) as n from shown_utterances where voice is not null group by voice)
        ) group by bar order by bar"""
    values = [{"bar": bar, "n": count} for bar, count in connection.execute(sql).fetchall()]
    if values:
        counted = connection.execute("select count(distinct voice) from shown_utterances").fetchall()[0][0]
        chart = altair.Chart(altair.Data(values=values)).mark_bar(color="#7048e8")
        bar = altair.X("bar:O", axis=None, scale=altair.Scale(paddingInner=0.15))
        yield svg(chart.encode(x=bar, y=altair.Y("n:Q", title=None)), f"utterances of each of {counted:,} voices")


def _by_role(connection: duckdb.DuckDBPyConnection, of: Histogram) -> Iterator[str]:
    sql = f"select min({of.column}), max({of.column}) from shown_utterances where {of.column} is not null"
    low, high = connection.execute(sql).fetchall()[0]
    if low is None:
        return
    step = (high - low) / BINS or 1.0
    sql = f"""
        select least(floor(({of.column} - {low}) / {step}), {BINS - 1}) as bin, regexp_replace(role, '[0-9]+$', '') as of,
               count(*) as n
        from shown_utterances where {of.column} is not null group by 1, 2"""
    values = [
        {"from": low + bin_ * step, "to": low + (bin_ + 1) * step, "role": role, "n": n}
        for bin_, role, n in connection.execute(sql).fetchall()
    ]
    there = {str(value["role"]) for value in values}
    roles = [role for role in ROLES if role in there]
    colour = altair.Color(
        "role:N", title=None, scale=altair.Scale(domain=roles, range=[ROLES[role] for role in roles]), legend=_LEGEND
    )
    count = altair.Y(
        "n:Q", title=None, stack=None if of.rare else "zero", scale=altair.Scale(type="symlog" if of.rare else "linear")
    )
    chart = altair.Chart(altair.Data(values=values)).mark_bar(opacity=0.7 if of.rare else 1.0)
    yield svg(chart.encode(x=altair.X("from:Q", bin="binned", title=None), x2="to:Q", y=count, color=colour), of.title)


_LEGEND = altair.Legend(orient="bottom")


def _lengths(connection: duckdb.DuckDBPyConnection) -> Iterator[str]:
    low, high = connection.execute("select min(length), max(length) from samples").fetchall()[0]
    if low is None:
        return
    step = (high - low) / BINS or 1.0
    sql = f"select least(floor((length - {low}) / {step}), {BINS - 1}) as bin, count(*) as n from samples group by 1"
    values = [
        {"from": low + bin_ * step, "to": low + (bin_ + 1) * step, "n": n} for bin_, n in connection.execute(sql).fetchall()
    ]
    chart = altair.Chart(altair.Data(values=values)).mark_bar(color="#12b886")
    encoded = chart.encode(x=altair.X("from:Q", bin="binned", title=None), x2="to:Q", y=altair.Y("n:Q", title=None))
    yield svg(encoded, "tokens in a sample")


def svg(chart: altair.Chart, title: str) -> str:
    """Draw a chart with a title, of the size that all charts have."""
    spec = chart.properties(width=WIDTH, height=HEIGHT, title=title).to_json()
    return str(vl_convert.vegalite_to_svg(spec))
