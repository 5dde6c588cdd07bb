"""Records of an A/B test: exposures and events, read into two tables of DuckDB.

exposures   user_id VARCHAR, arm VARCHAR, at BIGINT (µs since 1970 UTC), items VARCHAR[], test VARCHAR, and of searches
            query VARCHAR (NULL: no search), positions INTEGER[] (as long as items), total BIGINT (NULL: not known),
            corrected BOOLEAN, relaxed BOOLEAN
events      user_id VARCHAR, item_id VARCHAR, type VARCHAR, at BIGINT (likewise), value DOUBLE
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import duckdb
from duckdb import DuckDBPyConnection

from jobs.config.loader import load
from jobs.errors import ConfigError, MissingStepError
from jobs.experiments.cells import id_of, number_of, quoted
from jobs.infra.files import FORMATS, find_files
from lookup.experiments.exposure_records import Exposure

EVENT_COLUMNS = ("user_id", "item_id", "type", "time", "value")
WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
SEARCH_COLUMNS = {
    "query": "VARCHAR", "positions": "INTEGER[]", "total": "BIGINT", "corrected": "VARCHAR", "dropped": "VARCHAR[]"
}  # fmt: skip
"""What a search says besides an exposure, as far as a comparison reads it; each may be missing."""
FIRST, LAST = (int(datetime(year, 1, 1, tzinfo=UTC).timestamp() * 1e6) for year in (2000, 2100))
"""Times outside this range are most likely seconds or milliseconds."""


class LeftOut(NamedTuple):
    """Rows of exposures that are in no arm."""

    unreadable: int
    guests: int
    """Searches of guests, and of users without an arm."""


def read_exposures(db: DuckDBPyConnection, patterns: Sequence[str]) -> LeftOut:
    """Make the table `exposures`. Returns the numbers of rows that are not in it.

    patterns: files that `lookup.experiments.exposures` wrote, or others with the same columns. `test` and
    `SEARCH_COLUMNS` may be missing, and lists may be the text of a JSON list.

    Raises ConfigError, naming the file, when one is missing or unexpected.
    """
    source = _scan(patterns, exposures=True)
    types = _types(db, source, patterns)
    lacking = [name for name in ("user", "arm", "at", "items") if name not in types]
    if lacking:
        raise ConfigError(f"{patterns[0]}: no column {', '.join(lacking)}; there are {', '.join(types)}")

    def list_of(name: str, kind: str) -> str:
        if name not in types:
            return f"NULL::{kind}[]"
        return f"{name}::{kind}[]" if types[name].endswith("[]") else f"from_json({name}, '[\"{kind}\"]')"

    def text(name: str) -> str:
        return f'"{name}"::VARCHAR' if name in types else "NULL::VARCHAR"

    shown = f"list_transform({list_of('items', 'VARCHAR')}, lambda item: {id_of('item', 'VARCHAR')})"
    unreadable = _make(
        db,
        patterns,
        f"""
        CREATE TABLE exposures AS
        SELECT {id_of('"user"', types["user"])} AS user_id, {text("arm")} AS arm,
            {_time('"at"', types["at"], patterns)} AS "at", {shown} AS items, coalesce({text("test")}, '') AS test,
            {text("query")} AS query, {list_of("positions", "INTEGER")} AS positions,
            TRY_CAST({text("total")} AS BIGINT) AS total, {text("corrected")} IS NOT NULL AS corrected,
            coalesce(len({list_of("dropped", "VARCHAR")}), 0) > 0 AS relaxed
        FROM {source}
        """,
        "exposures",
        "items IS NULL OR (query IS NULL AND (user_id IS NULL OR arm IS NULL))",
    )
    nobody = "user_id IS NULL OR coalesce(arm, '') = ''"
    guests = db.execute(f"DELETE FROM exposures WHERE query IS NOT NULL AND ({nobody})").fetchall()[0][0]
    if not db.execute("SELECT count(*) FROM exposures").fetchall()[0][0]:
        raise ConfigError(f"{patterns[0]}: only searches of guests and of users without an arm: nothing to compare")
    db.execute(
        "UPDATE exposures SET positions = range(1, len(items)::INTEGER + 1) "
        "WHERE len(positions) IS DISTINCT FROM len(items) OR list_min(positions) < 1"
    )
    return LeftOut(unreadable, int(guests))


def read_events(db: DuckDBPyConnection, patterns: Sequence[str], columns: Mapping[str, str]) -> tuple[int, int]:
    """Make the table `events`, without duplicates. Returns the numbers of unreadable rows and of unreadable values.

    patterns: files, or one TOML file, the configuration of a shop, for the events of its newest run. columns: an SQL
    expression over the files' columns for any of `EVENT_COLUMNS`; by default the column of that name. `value` may be
    missing. Times are timestamps, ISO 8601 texts (UTC if they name no zone), or microseconds.

    Raises ConfigError, naming the file, when one is missing or unexpected, and MissingStepError without a run.
    """
    source = _of_run(Path(patterns[0])) if patterns[0].endswith(".toml") else _scan(patterns)
    types = _types(db, source, patterns)
    chosen = {name: columns.get(name, f'"{name}"' if name in types else "") for name in EVENT_COLUMNS}
    chosen["value"] = chosen["value"] or "NULL"
    for name, expression in chosen.items():
        if not expression:
            raise ConfigError(
                f"{patterns[0]}: no column {name}; there are {', '.join(types)}: say which it is, --column {name}=…"
            )
    picked = f"(SELECT {', '.join(f'({e}) AS {n}' for n, e in chosen.items())} FROM {source})"
    kinds = _types(db, picked, patterns)
    try:
        value = number_of(db, "value", kinds["value"], picked)
    except duckdb.Error as error:
        raise ConfigError(f"{patterns[0]}: {_first_line(error)}") from None
    user, item = (id_of(name, kinds[name]) for name in ("user_id", "item_id"))
    bad = _make(
        db,
        patterns,
        f"""
        CREATE TABLE events AS
        SELECT DISTINCT {user} AS user_id, {item} AS item_id, type::VARCHAR AS type,
            {_time("time", kinds["time"], patterns)} AS "at", {value} AS value,
            nullif(trim(value::VARCHAR), '') IS NOT NULL AND ({value}) IS NULL AS no_number
        FROM {picked}
        """,
        "events",
        "user_id IS NULL OR item_id IS NULL OR type IS NULL",
    )
    strange = db.execute("SELECT count(*) FILTER (no_number) FROM events").fetchall()[0][0]
    db.execute("ALTER TABLE events DROP COLUMN no_number")
    return bad, int(strange)


def _scan(patterns: Sequence[str], exposures: bool = False) -> str:
    """Return the part after FROM for some files. CSV text stays text, so the id 007 does not become a number."""
    files = find_files(list(patterns), Path.cwd())
    kinds = {FORMATS.get(next((s for s in reversed(f.suffixes) if s in FORMATS), ""), f.name) for f in files}
    if len(kinds) != 1 or not kinds & set(FORMATS.values()):
        raise ConfigError(
            f"{files[0]}: all files must be .csv, .tsv, .jsonl or .parquet, of one kind; "
            f"found {', '.join(sorted(kinds))}"
        )
    names = "[" + ", ".join(quoted(str(file)) for file in files) + "]"
    if "parquet" in kinds:
        return f"read_parquet({names}, union_by_name = true)"
    if "csv" in kinds:
        return f"read_csv({names}, header = true, all_varchar = true, union_by_name = true)"
    if not exposures:
        return f"read_json({names}, format = 'newline_delimited', union_by_name = true, sample_size = -1)"
    # With these options a half-written line, left by a killed process, becomes a row of nulls and harms no other line.
    wanted = dict.fromkeys(Exposure._fields, "VARCHAR") | {"at": "BIGINT", "items": "VARCHAR[]"} | SEARCH_COLUMNS
    columns = ", ".join(f"'{name}': '{kind}'" for name, kind in wanted.items())
    return f"read_json({names}, format = 'newline_delimited', ignore_errors = true, columns = {{{columns}}})"


def _of_run(path: Path) -> str:
    runs = load(path, datetime.now(UTC).date()).work / "runs"
    ready = sorted(folder for folder in runs.glob("*") if (folder / "events" / "_SUCCESS").exists())
    if not ready:
        raise MissingStepError(f"{runs}: no run has read events yet: `daybreak job ingest` does")
    files = (
        [quoted(str(file)) for file in sorted((ready[-1] / name).rglob("*.parquet"))] for name in ("events", "items")
    )
    events, items = (f"read_parquet([{', '.join(names)}])" for names in files)
    return f"(SELECT e.*, i.item_id FROM {events} e JOIN {items} i USING (item))"


def _types(db: DuckDBPyConnection, source: str, patterns: Sequence[str]) -> dict[str, str]:
    try:
        return {name: kind for name, kind, *_ in db.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()}
    except duckdb.Error as error:
        raise ConfigError(f"{patterns[0]}: {_first_line(error)}") from None


def _time(expression: str, kind: str, patterns: Sequence[str]) -> str:
    """Return the SQL for microseconds since 1970 of an expression of that type."""
    if kind in WHOLE:
        return f"{expression}::BIGINT"
    if kind in ("VARCHAR", "DATE") or kind.startswith("TIMESTAMP"):
        text = f"TRY_CAST({expression} AS BIGINT)" if kind == "VARCHAR" else "NULL"  # a number, in CSV
        return f"coalesce({text}, epoch_us(TRY_CAST({expression} AS TIMESTAMPTZ)))"
    raise ConfigError(f"{patterns[0]}: times are of type {kind}; expected timestamps, ISO 8601, or microseconds")


def _make(db: DuckDBPyConnection, patterns: Sequence[str], create: str, table: str, broken: str) -> int:
    try:
        db.execute(create)
        bad = db.execute(f'DELETE FROM {table} WHERE {broken} OR "at" IS NULL').fetchall()[0][0]
        left = db.execute(f"SELECT count(*) FROM {table}").fetchall()[0][0]
        strange = db.execute(f'SELECT "at" FROM {table} WHERE "at" NOT BETWEEN {FIRST} AND {LAST} LIMIT 1').fetchall()
    except duckdb.Error as error:
        raise ConfigError(f"{patterns[0]}: not readable as {table}: {_first_line(error)}") from None
    if not left:
        raise ConfigError(f"{patterns[0]}: no {table} in it; {bad} rows were not readable as such")
    if strange:
        remedy = "--column time='to_timestamp(…)'" if table == "events" else "`at` must be microseconds"
        raise ConfigError(
            f"{patterns[0]}: the time {strange[0][0]}, in microseconds since 1970, is not of this century: {remedy}"
        )
    return int(bad)


def _first_line(error: duckdb.Error) -> str:
    return str(error).partition("\n")[0]
