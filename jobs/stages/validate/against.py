"""What the gate and the drift are told: the run's table `evaluation`, and the catalogs of both releases."""

from dataclasses import asdict
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.infra.blocks import DUCKDB_MEMORY, Blocks
from jobs.infra.logging import log_line
from jobs.infra.tables import EVALUATION
from jobs.stages.validate import drift, gate
from jobs.stages.validate.release_checks import Finding, FindingKind
from lookup.release.catalog_schema import CATALOG
from lookup.release.manifest import Manifest
from lookup.release.reader import CATALOG_FILE, Release

SLICES = ("all", "new items", "long tail", "never had", "light users", "heavy users")
METRIC = "ndcg"
NEVER_EMPTY = ("item_id", "in_stock", "events")
"""Columns of the catalog's items without a null share."""


def against_in_place(config: Config, before: Manifest | None) -> tuple[list[Finding], list[dict[str, Any]]]:
    """The gate: its findings, and what it saw in each slice, as written to `validation.json`.

    before: of the release in place. Nothing is compared where there is none, nor where `evaluate` could not score it.
    """
    if before is None:
        return _not_compared("there is no release in place that can be read")
    metrics = config.run.read_json("metrics.json")
    scored = metrics.get("in_place")
    if scored is None:
        return _not_compared(f"evaluate did not score {before.id}")
    if scored != before.id:
        remedy = f"{before.id}, which is in place now: run `daybreak job evaluate --date {config.date}` again"
        return [Finding("compared with", False, scored, remedy, FindingKind.FAILURE)], []
    limits = config.validate
    slices = read_scores(config)
    if not any(np.isfinite(scores.in_place).any() for scores in slices.values()):
        return _not_compared(f"evaluate scored no user of {before.id}")
    verdicts = gate.compare(slices, max_loss=limits.max_loss, false_alarms=limits.false_alarms)
    return [finding(verdict, before.id) for verdict in verdicts], [asdict(verdict) for verdict in verdicts]


def finding(verdict: gate.SliceComparison, in_place: str) -> Finding:
    """What the gate says of a slice, for people."""
    share = f" ({verdict.difference / verdict.in_place:+.1%})" if verdict.in_place else ""
    between = "" if verdict.low is None else f", interval {verdict.low:+.5f} to {verdict.high:+.5f}"
    return Finding(
        f"{METRIC}@20 of {verdict.slice} against {in_place}",
        verdict.ok,
        f"{verdict.candidate:.5f}, {verdict.difference:+.5f}{share}{between}, {verdict.users} users: {verdict.why}",
        f"{verdict.in_place:.5f}, or equal within the interval",
        FindingKind.FAILURE,
    )


def read_scores(config: Config) -> dict[str, gate.Scores]:
    """NDCG@20 of the candidate and of the release in place, by slice, users in the order of their ids.

    A slice in which nobody was scored is empty. Raises MissingStepError when `evaluate` has not run.
    """
    files = [str(file) for file in Blocks.of(config.run, EVALUATION.name).files]
    query = f"""SELECT max({METRIC}) FILTER (method = 'in place') AS in_place,
                       max({METRIC}) FILTER (method = 'daybreak') AS candidate
                FROM read_parquet(?) WHERE slice = ? AND method IN ('in place', 'daybreak')
                GROUP BY user_id ORDER BY user_id"""
    with duckdb.connect(config={"memory_limit": DUCKDB_MEMORY}) as db:
        found = {name: db.execute(query, [files, name]).fetchnumpy() for name in SLICES}
    return {
        name: gate.Scores(*(np.ma.filled(columns[c].astype(np.float64), np.nan) for c in ("in_place", "candidate")))
        for name, columns in found.items()
    }


def against_days_before(release: Release, config: Config, before: Manifest | None) -> list[Finding]:
    """The drift of what came in. before: of the release in place, with whose items those of `release` are compared."""
    with duckdb.connect(str(release.path / CATALOG_FILE), read_only=True) as db:
        days = [
            drift.Day(*row) for row in db.sql("SELECT day, type, events, users, items FROM events_per_day").fetchall()
        ]
        empty, prices = items(db)
    findings = drift.check_collapse(days, config.date, config.validate.min_day_events)
    findings += drift.check_counts(days, config.date)
    if before is None:
        return findings
    try:
        with duckdb.connect(str(config.releases / before.id / CATALOG_FILE), read_only=True) as db:
            empty_before, prices_before = items(db)
    except duckdb.Error as error:  # a damaged release must not stop every night after it
        log_line("validate", "not compared", why=error)
        return findings
    findings += drift.check_items(empty, empty_before, before.id)
    return findings + drift.check_prices(prices, prices_before, before.id)


def items(db: duckdb.DuckDBPyConnection) -> tuple[dict[str, float], NDArray[np.float64]]:
    """Of the items of a catalog: the share without a value (null, or an empty list or text) by column; all prices."""
    columns = [c for table in CATALOG if table.name == "items" for c in table.columns if c.name not in NEVER_EMPTY]
    empty = {"VARCHAR": "= ''", "VARCHAR[]": "= []"}
    counted = ", ".join(
        f"avg(({c.name} IS NULL OR {c.name} {empty.get(c.type, 'IS NULL')})::INT)::DOUBLE" for c in columns
    )
    shares = db.sql(f"SELECT {counted} FROM items").fetchall()[0]
    prices = db.sql("SELECT price FROM items WHERE isfinite(price) ORDER BY price").fetchnumpy()["price"]
    return {c.name: share for c, share in zip(columns, shares, strict=True)}, np.asarray(prices, dtype=np.float64)


def _not_compared(why: str) -> tuple[list[Finding], list[dict[str, Any]]]:
    log_line("validate", "not compared", why=why)
    return [Finding("compared with", True, f"not compared: {why}", "the release in place", FindingKind.FAILURE)], []
