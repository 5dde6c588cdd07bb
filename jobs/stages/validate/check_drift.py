"""Check what came in: the days and items of the release, as its catalog has them, against those before."""

import duckdb
import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.config.release import KNOWN_FIELDS
from jobs.infra.logging import log_line
from jobs.releases.known import FEATURE, known_shares
from jobs.stages.validate import drift
from jobs.stages.validate.finding import Finding
from lookup.duckdb_file import opened
from lookup.release.catalog_schema import CATALOG_FILE, columns_of
from lookup.release.manifest import Manifest
from lookup.release.reader import Release

SHOWN_FIELDS = ("title", "price", "category", "image")
"""What pages show of an item: a night that loses one of these, or a declared feature, is held."""


def check_drift(release: Release, config: Config, incumbent: Manifest | None) -> list[Finding]:
    """Compare the last days with the weeks before, and the items with those of the incumbent, where there is one."""
    with opened(release.path / CATALOG_FILE) as db:
        days = [
            drift.Day(*row) for row in db.sql("SELECT day, type, events, users, items FROM events_per_day").fetchall()
        ]
        known, prices = items(db, release.manifest)
    first = incumbent is None and release.manifest.parent is None
    findings = drift.check_collapse(days, config.date, config.validate.min_day_events, first)
    findings += drift.check_counts(days, config.date)
    configured = [name for name in KNOWN_FIELDS if getattr(config.items, name) is not None]
    findings += drift.check_known({name: known[name] for name in configured}, config.validate.min_known)
    if incumbent is None:
        return findings
    try:
        with opened(config.releases / incumbent.id / CATALOG_FILE) as db:
            known_before, prices_before = items(db, incumbent)
    except duckdb.Error as error:  # a damaged release must not stop the nights after it
        log_line("validate", "not compared", why=error)
        return findings
    both = {name: share for name, share in known.items() if name in known_before}  # an older schema has fewer columns
    counts = release.manifest.counts["items"], incumbent.counts["items"]
    findings += drift.check_unknown(both, known_before, incumbent.id)
    limits = config.validate
    shown = {name: share for name, share in both.items() if name in SHOWN_FIELDS or name.startswith(FEATURE)}
    findings += drift.check_lost(
        shown, known_before, counts, incumbent.id, max_fall=limits.max_unknown, max_shrink=limits.max_shrink
    )
    return findings + drift.check_prices(prices, prices_before, incumbent.id)


def items(db: duckdb.DuckDBPyConnection, manifest: Manifest) -> tuple[dict[str, float], NDArray[np.float64]]:
    """The share of items with a known value, by column and declared feature; and the prices of all items, rising.

    db: the catalog of a release. manifest: of it.
    """
    prices = db.sql("SELECT price FROM items WHERE isfinite(price) ORDER BY price").fetchnumpy()["price"]
    known = known_shares(db, "items", columns_of("items", manifest.schema_version), manifest.features)
    return known, np.asarray(prices, dtype=np.float64)
