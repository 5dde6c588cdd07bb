"""Query logs as tests write them: one short line a row."""

from datetime import UTC, datetime, timedelta

import polars as pl

SCHEMA = {
    "search_id": pl.String,
    "query": pl.String,
    "user_id": pl.String,
    "time": pl.Datetime("us", "UTC"),
    "item": pl.Int32,
    "clicked": pl.Boolean,
    "bought": pl.Boolean,
    "position": pl.Int32,
    "results": pl.Int64,
}
START = datetime(2026, 2, 9, 10, tzinfo=UTC)


def row(
    query: str,
    user: str | None,
    second: float,
    item: int | None = None,
    *,
    kind: str = "click",
    position: int | None = None,
    results: int | None = None,
    search: str | None = None,
) -> tuple[object, ...]:
    """A row of table `searches`, so many seconds after START."""
    there = item is not None
    return (
        search or f"{user}|{query}|{second}",
        query,
        user,
        START + timedelta(seconds=second),
        item,
        there and kind != "shown",
        there and kind == "purchase",
        position,
        results,
    )


def rows(*some: tuple[object, ...]) -> pl.DataFrame:
    return pl.DataFrame(list(some), schema=SCHEMA, orient="row")
