"""Are the shop's data good enough for a night? The errors name what to look at."""

from collections.abc import Collection, Mapping
from datetime import date, timedelta

import duckdb

from jobs.config.config import Config
from jobs.errors import DataError
from jobs.infra.blocks import Blocks
from jobs.infra.logging import log_line
from jobs.infra.tables import ITEMS, QUARANTINE, RunTable
from jobs.releases.known import known_shares
from jobs.releases.last_day import last_day
from jobs.stages.ingest.reasons import FROM_ZERO, NO_QUERY, NOBODY, REPEATED
from lookup.release import pointer
from lookup.release.catalog_schema import columns_of
from lookup.release.schema import SCHEMA_VERSION


def report(config: Config) -> dict[tuple[str, str], int]:
    """Log the counts of rows in quarantine by source and reason, the largest first; returns them."""
    with duckdb.connect() as db:
        found = db.sql(
            f"""SELECT source, reason, count(*) FROM {_table(config, QUARANTINE)}
                GROUP BY ALL ORDER BY count(*) DESC, source, reason"""
        ).fetchall()
    for source, reason, rows in found:
        log_line("ingest", "quarantine", source=source, reason=reason, rows=rows)
    return {(source, reason): rows for source, reason, rows in found}


def _table(config: Config, table: RunTable) -> str:
    """A table of the run in SQL."""
    files = ", ".join("'{}'".format(str(one).replace("'", "''")) for one in Blocks.of(config.run, table.name).files)
    return f"read_parquet([{files}], hive_partitioning = false)"


def check_shares(
    good: Mapping[str, int],
    bad: Mapping[tuple[str, str], int],
    config: Config,
    optional: Collection[str] = (),
    aside: Mapping[str, int] | None = None,
) -> None:
    """Raise DataError where too many rows of a source are bad, or where a source that a night needs has no good row.

    good: rows by source. bad: rows by source and reason; a repeated event is not held against the shop, for one of the
    equal rows counts. optional: sources that may be empty. aside: events that are no faults, by their names in the
    receipt.
    """
    bad = {which: rows for which, rows in bad.items() if which[1] != REPEATED}
    for source, rows in good.items():
        wrong = sum(n for (of, _), n in bad.items() if of == source)
        where = f"The bad rows, each with its reason, are in {config.run.path(QUARANTINE.name)}"
        if rows + wrong and wrong > config.quality.max_bad_share * (rows + wrong):
            reasons = ", ".join(f"{reason}: {n}" for (of, reason), n in bad.items() if of == source)
            raise DataError(
                f"{wrong} of {rows + wrong} rows of {source} are bad ({wrong / (rows + wrong):.1%}; "
                f"quality.max_bad_share allows {config.quality.max_bad_share:.1%}): {reasons}. "
                f"Nothing was published. {where}{_hint(source, bad)}"
            )
        if not rows and source not in optional:
            left = ", ".join(f"{name}: {n}" for name, n in (aside or {}).items())
            counted = f" Rows that are no faults: {left}." if left and source == "events" else ""
            if wrong:
                counted += f" {where}"
            elif not counted:
                counted = " None is bad either: the files have no rows, or `where` leaves all of them out"
            raise DataError(f"no good row of {source} before {config.date}; look at --date and at the files.{counted}")


def _hint(source: str, bad: Mapping[tuple[str, str], int]) -> str:
    """What to do about rows that are often no faults."""
    if source == "searches" and bad.get((source, NO_QUERY)):
        return (
            ". Rows without words may be pages that list items without a search: where = \"trim(query) <> ''\" in "
            "[[searches]], with the name of your column, leaves them out"
        )
    if source == "searches" and bad.get((source, FROM_ZERO)):
        return (
            '. Positions begin with 1: for a log that counts from 0, position = "rank + 1" with the name of your column'
        )
    if bad.get((source, NOBODY)):
        return (
            '. Rows without a user may be guests: guests = "drop" in [[events]] leaves them out, and guests = "basket" '
            "counts each order (the column that order names) as a user of its own"
        )
    return ""


def warn_of_last_day(counts: Mapping[date, int], config: Config) -> None:
    """Say before anything is trained that `validate` will not like the last day. counts: events by day."""
    found = last_day(counts, config.date, config.validate.min_day_events)
    if found is None or found.ok:
        return
    first = pointer.read_or_none(config.releases) is None
    log_line(
        "ingest",
        "warning",
        text=f"{found.day} has {found.events} events; expected: {found.expected}. Is the last file complete? "
        + ("On a first night `validate` only warns of that" if first else "`validate` will hold the release for that"),
    )


def warn_of_items(config: Config) -> None:
    """Say before anything is trained that `validate` will hold the night for its items: unknown, or not to be shown."""
    limits, source = config.validate, _table(config, ITEMS)
    with duckdb.connect() as db:
        known = known_shares(db, source, columns_of("items", SCHEMA_VERSION))
        items, stock = db.sql(f"SELECT count(*), count(*) FILTER (WHERE in_stock) FROM {source}").fetchall()[0]
    said = [
        f"{share:.1%} of the items have a known {name}; {limits.min_known[name]:.1%} or more expected"
        for name, share in known.items()
        if getattr(config.items, name, None) is not None and share < limits.min_known.get(name, 0.0)
    ]
    if stock < max(1, limits.min_shown_items * items):
        said.append(f"{stock} of {items} items are in stock; {limits.min_shown_items:.1%} or more expected")
    for text in said:
        log_line("ingest", "warning", text=f"{text}: `validate` will hold the release for that")


def check_recent(last: date | None, config: Config) -> None:
    """Raise DataError where no user is active on the night. last: the day of the last event; None: there is none."""
    if last is not None and (config.date - last).days > config.users.active_days:
        raise DataError(
            f"the last event is of {last}: on {config.date} no user is active (users.active_days = "
            f"{config.users.active_days}). Is --date the night you mean? For data that end there, "
            f"it would be --date {last + timedelta(days=1)}"
        )
