"""The report's charts as SVG, so that the page needs no script and no network."""

from collections.abc import Iterator

import altair
import duckdb
import vl_convert

WIDTH, HEIGHT = 340, 180


def charts(connection: duckdb.DuckDBPyConnection, layer: str) -> Iterator[str]:
    """Yield the SVG of each chart whose table has rows; histograms are counted in SQL, so no column is loaded whole."""
    if layer == "tokens":
        yield from _bars(connection, "select task as name, count(*) as n from samples group by 1", "samples by task")
        sql = "select task as name, sum(length) as n from samples group by 1"
        yield from _bars(connection, sql, "tokens by task")
        yield from _histogram(connection, "samples", "length", "tokens in a sample")
    yield from _bars(connection, "select kind as name, count(*) as n from records group by 1", "records by kind")
    yield from _histogram(connection, "records", "seconds", "seconds of speech in a record", "seconds > 0")
    yield from _histogram(connection, "records", "wer", "word error rate by the recogniser", "wer is not null")
    sql = "select reason as name, count(*) as n from quarantine group by 1 order by n desc limit 12"
    yield from _bars(connection, sql, "refused, by reason")


def _bars(connection: duckdb.DuckDBPyConnection, sql: str, title: str) -> Iterator[str]:
    values = [{"name": name, "n": int(count)} for name, count in connection.execute(sql).fetchall()]
    if values:
        chart = altair.Chart(altair.Data(values=values)).mark_bar(color="#4c6ef5")
        yield svg(chart.encode(x=altair.X("n:Q", title=None), y=altair.Y("name:N", sort="-x", title=None)), title)


def _histogram(
    connection: duckdb.DuckDBPyConnection, table: str, column: str, title: str, condition: str = "true"
) -> Iterator[str]:
    low, high = connection.execute(f"select min({column}), max({column}) from {table} where {condition}").fetchall()[0]
    if low is None:
        return
    step = (high - low) / 30 or 1.0
    sql = f"select floor(({column} - {low}) / {step}) as bin, count(*) as n from {table} where {condition} group by 1"
    values = [
        {"from": low + bin_ * step, "to": low + (bin_ + 1) * step, "n": n} for bin_, n in connection.execute(sql).fetchall()
    ]
    chart = altair.Chart(altair.Data(values=values)).mark_bar(color="#12b886")
    yield svg(chart.encode(x=altair.X("from:Q", bin="binned", title=None), x2="to:Q", y=altair.Y("n:Q", title=None)), title)


def svg(chart: altair.Chart, title: str) -> str:
    """Draw a chart with a title, of the size that all charts have."""
    spec = chart.properties(width=WIDTH, height=HEIGHT, title=title).to_json()
    return str(vl_convert.vegalite_to_svg(spec))
