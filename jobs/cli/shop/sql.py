"""The command `daybreak sql`."""

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from jobs.cli.options import DEFAULT_CONFIG, ConfigFile, Json, load
from jobs.cli.output import TextTable, show, show_csv, show_json
from lookup.errors import DaybreakError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

MOST_ROWS = 100
"""Rows of a table; JSON has all."""
BATCH = 10_000
NUMBERS = {
    *("tinyint", "smallint", "integer", "bigint", "hugeint"),
    *("utinyint", "usmallint", "uinteger", "ubigint", "uhugeint"),
    *("float", "double", "decimal"),
}
"""DuckDB's types of numbers."""


def sql(
    query: Annotated[str, typer.Argument(metavar="SQL", help="One statement.")],
    config: ConfigFile = DEFAULT_CONFIG,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print all rows as CSV, safe to open in a spreadsheet.")] = False,
) -> None:
    """Run SQL on the catalog of the release that is served. It only reads: nothing is written, and no other file read.

    A table shows the first 100 rows; --json and --csv print all of them. A text that a spreadsheet would take for a
    formula gets a quote before it.

    Example: daybreak sql "SELECT title, price FROM items ORDER BY price DESC LIMIT 5"
    """
    import duckdb

    from lookup.duckdb_file import opened
    from lookup.release import pointer
    from lookup.release.locks import open_locked

    if any("\ud800" <= letter <= "\udfff" for letter in query):  # bytes that are no text in this locale
        raise DaybreakError("the SQL is not UTF-8 text: write it in UTF-8")
    releases = load(config).releases
    release = open_locked(releases, pointer.read(releases))  # so that `daybreak prune` leaves it
    try:
        with opened(release.path / "catalog.duckdb") as catalog:
            catalog.execute(query)
            if catalog.description is None:
                return
            if json:
                show_json(_records(catalog), sort_keys=False)
            elif csv:
                show_csv([name for name, *_ in catalog.description], _rows(catalog))
            else:
                _show(catalog)
    except (duckdb.Error, OverflowError) as error:
        raise DaybreakError(str(error)) from None


def _records(catalog: "DuckDBPyConnection") -> Iterator[dict[str, Any]]:
    """Every row of the result by column."""
    names = [column[0] for column in catalog.description or ()]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DaybreakError(f"two columns are called {twice[0]!r}: with --json, give one of them another name with AS")
    yield from (dict(zip(names, row, strict=True)) for row in _rows(catalog))


def _rows(catalog: "DuckDBPyConnection") -> Iterator[tuple[Any, ...]]:
    """Every row of the result, read in batches."""
    while batch := catalog.fetchmany(BATCH):
        yield from batch


def _show(catalog: "DuckDBPyConnection") -> None:
    columns = catalog.description or []
    rows = catalog.fetchmany(MOST_ROWS + 1)
    numbers = [name for name, kind, *_ in columns if kind.id in NUMBERS]
    cells = [[_cell(value) for value in row] for row in rows[:MOST_ROWS]]
    show(TextTable([name for name, *_ in columns], cells, right=numbers))
    if len(rows) > MOST_ROWS:
        print(f"daybreak: these are the first {MOST_ROWS} rows; --json and --csv print all", file=sys.stderr)


def _cell(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, list):
        return f"[{', '.join(map(_cell, value))}]"
    return str(value)
