"""Check what came in: the days and items of the release, as its catalog has them, against those before."""

import duckdb
import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.stages.validate import drift
from jobs.stages.validate.finding import Finding
from lookup.duckdb_file import opened
from lookup.release.catalog_schema import columns_of
from lookup.release.manifest import Manifest
from lookup.release.reader import CATALOG_FILE, Release

NEVER_EMPTY = ("item_id", "in_stock", "events")
"""Columns of the catalog's items that always have a value."""


def check_drift(release: Release, config: Config, incumbent: Manifest | None) -> list[Finding]:
    """Compare the last days with the weeks before, and the items with those of the incumbent, where there is one."""
    with opened(release.path / CATALOG_FILE) as db:
        days = [
            drift.Day(*row) for row in db.sql("SELECT day, type, events, users, items FROM events_per_day").fetchall()
        ]
        empty, prices = items(db, release.manifest.schema_version)
    findings = drift.check_collapse(days, config.date, config.validate.min_day_events)
    findings += drift.check_counts(days, config.date)
    if incumbent is None:
        return findings
    try:
        with opened(config.releases / incumbent.id / CATALOG_FILE) as db:
            empty_before, prices_before = items(db, incumbent.schema_version)
    except duckdb.Error as error:  # a damaged release must not stop the nights after it
        log_line("validate", "not compared", why=error)
        return findings
    both = {name: share for name, share in empty.items() if name in empty_before}  # an older schema has fewer columns
    findings += drift.check_items(both, empty_before, incumbent.id)
    return findings + drift.check_prices(prices, prices_before, incumbent.id)


def items(db: duckdb.DuckDBPyConnection, version: int) -> tuple[dict[str, float], NDArray[np.float64]]:
    """The share of items without a value (null, empty list or text), by column; and the prices of all items, rising.

    version: the schema version of the release, which tells the columns of its catalog.
    """
    columns = [column for column in columns_of("items", version) if column.name not in NEVER_EMPTY]
    empty = {"VARCHAR": "= ''", "VARCHAR[]": "= []"}
    counted = ", ".join(
        f"avg(({c.name} IS NULL OR {c.name} {empty.get(c.type, 'IS NULL')})::INT)::DOUBLE" for c in columns
    )
    shares = db.sql(f"SELECT {counted} FROM items").fetchall()[0]
    prices = db.sql("SELECT price FROM items WHERE isfinite(price) ORDER BY price").fetchnumpy()["price"]
    return {c.name: share for c, share in zip(columns, shares, strict=True)}, np.asarray(prices, dtype=np.float64)
