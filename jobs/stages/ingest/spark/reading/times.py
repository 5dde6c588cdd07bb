"""Times of the shop's files. Every time has a day, and bounds are checked before anything is converted."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jobs.errors import ConfigError, DataError
from jobs.infra.logging import log_line
from jobs.stages.ingest.spark.reading.columns import kind_of, scalar
from jobs.stages.ingest.spark.reading.spark_types import TIMES, is_number, number_text
from jobs.stages.ingest.time_units import LAST_SECOND, UNITS, advice
from lookup.keys import TRIMMED

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pyspark.sql import Column, DataFrame, Row

    from jobs.config.shop import EventsConfig

SAMPLE = 100
"""Numbers by which a unit is suggested."""


@dataclass(frozen=True)
class TimeColumn:
    """A time, UTC where the text names no zone."""

    value: "Column"
    """A timestamp; null where it is missing or not readable."""
    missing: "tuple[Column, str]"
    """Whether it is not there, and that as a reason."""
    given_rules: "list[tuple[Column, str]]"
    """Whether a time that is there breaks a rule, and the reason: it is readable, and between 1970 and now."""

    @property
    def rules(self) -> "list[tuple[Column, str]]":
        """The rules of a time that must be there."""
        return [self.missing, *self.given_rules]


def time_column(frame: "DataFrame", expression: str, key: str, pattern: str | None) -> TimeColumn:
    """A time that a key of the configuration names. pattern: `time_format` of the same table.

    Raises ConfigError for a column that holds no times, and DataError for numbers whose unit nobody said.
    """
    from pyspark.sql import functions as F

    raw, kind = scalar(frame, expression, key), kind_of(frame, expression, key)
    name = key.rpartition(".")[2]
    if kind in TIMES:
        value = raw.cast("timestamp")
        return TimeColumn(value, (value.isNull(), f"{name} is missing"), _bounds(value, name))
    if not is_number(kind) and kind not in ("string", "void"):
        raise ConfigError(f"{key} = {expression!r} is of type {kind}; a time is expected")
    text = F.btrim(number_text(raw, kind), F.lit(TRIMMED))
    missing = (F.coalesce(text, F.lit("")) == "", f"{name} is missing")
    if pattern in UNITS:
        return _of_units(text, pattern, name, missing)
    if is_number(kind) and pattern is None:
        _refuse(frame, raw, expression, key)
    if pattern is None:
        # Spark takes "10:00" for today's, and "2026-01" for the first of the month.
        has_day = (F.locate("-", text) == 5) & (F.locate("-", text, 6) > 0)
        value = F.when(has_day, text.cast("timestamp"))
    else:
        value = F.try_to_timestamp(text, F.lit(pattern))
    unread = ~missing[0] & value.isNull()
    without_day = (unread & text.rlike(r"^T?\d{1,2}:\d{2}"), f"{name} names no day")
    return TimeColumn(value, missing, [without_day, (unread, f"{name} is not readable"), *_bounds(value, name)])


def _of_units(text: "Column", unit: str, name: str, missing: "tuple[Column, str]") -> TimeColumn:
    """A time in seconds or in milliseconds since 1970."""
    from pyspark.sql import functions as F

    number = text.cast("double")
    late, early = number > LAST_SECOND * UNITS[unit], number < 0
    within = F.when(~late & ~early, number)
    value = F.timestamp_seconds(within) if unit == "seconds" else F.timestamp_millis(within.cast("bigint"))
    return TimeColumn(
        value,
        missing,
        [
            (~missing[0] & (number.isNull() | F.isnan(number)), f"{name} is not readable"),
            (early, f"{name} is before 1970"),
            (late, f"{name} is in the future"),
            *_bounds(value, name),
        ],
    )


def _bounds(value: "Column", name: str) -> "list[tuple[Column, str]]":
    from pyspark.sql import functions as F

    return [
        (value < F.lit("1970-01-01").cast("timestamp"), f"{name} is before 1970"),
        (value > F.current_timestamp(), f"{name} is in the future"),
    ]


def _refuse(frame: "DataFrame", raw: "Column", expression: str, key: str) -> None:
    """Raise DataError, with the unit that fits, for numbers whose unit nobody said."""
    rows = frame.select(raw.cast("string").alias("of")).filter("of is not null").limit(SAMPLE).collect()
    if rows:
        raise DataError(f"{key} = {expression!r} holds numbers, {advice([row['of'] for row in rows], None)}")


def tell_unreadable(quarantined: "DataFrame", tables: "Iterable[EventsConfig]") -> None:
    """Log an example of the times of events that are not readable, or else impossible, with what to write for them.

    quarantined: table QUARANTINE. tables: of events; those whose time is a column of the file are told.
    """
    from pyspark.sql import functions as F

    wrong = F.col("reason").rlike("^time is (not readable|before|in the future)")
    rows = quarantined.filter((F.col("source") == "events") & wrong).limit(SAMPLE).select("reason", "record").collect()
    for table in tables:
        found = [(row["reason"], record[table.time]) for row in rows if table.time in (record := _record(row))]
        unread = [str(value) for reason, value in found if reason.endswith("not readable")]
        values = unread or [str(value) for _, value in found]
        if values:
            note = f"times {advice(values, table.time_format, read=not unread)}"
            log_line("ingest", "wrong-times", key="events.time", note=note)


def _record(row: "Row") -> dict[str, object]:
    """A record of table QUARANTINE; empty where it is not readable."""
    try:
        found = json.loads(row["record"])
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
