"""Tab-separated tables: a header line, then a row a line; a quotation mark is a character like any other."""

from pathlib import Path

from omniforge.pipeline.sources.lines import index_lines, read_lines
from omniforge.pipeline.sources.refused import Refused
from omniforge.pipeline.sources.strict_json import decode


def header(file: Path, required: tuple[str, ...]) -> tuple[str, ...]:
    """Return the column names; raise `ValueError` naming the file if a required one is missing or no line is there."""
    index = index_lines(file, skip_blank=False)
    first = next((line for _, line in read_lines(file, index, 0, min(1, len(index)))), b"")
    columns = tuple(first.decode("utf-8", "replace").split("\t"))
    for name in required:
        if name not in columns:
            raise ValueError(f"{file} has no column {name!r}; its header names: {', '.join(columns)}")
    return columns


def row(line: bytes, columns: tuple[str, ...]) -> dict[str, str]:
    """Split a line into named cells; raise `Refused` if it is not UTF-8 or has another number of cells than the header."""
    cells = decode(line).split("\t")
    if len(cells) != len(columns):
        raise Refused("wrong_column_count", f"{len(cells)} columns instead of {len(columns)}")
    return dict(zip(columns, cells, strict=True))
