"""Numbers of the shop's files."""

from typing import TYPE_CHECKING

from jobs.errors import ConfigError
from jobs.stages.ingest.spark.reading.columns import kind_of, scalar
from jobs.stages.ingest.spark.reading.spark_types import is_number
from lookup.item_fields import NUMERAL

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def number(frame: "DataFrame", expression: str, key: str) -> "Column":
    """A number; null where there is none, or where a text is none: `12d` is one to Java alone.

    Raises ConfigError for a column of another type.
    """
    from pyspark.sql import functions as F

    raw, kind = scalar(frame, expression, key), kind_of(frame, expression, key)
    if kind == "string":
        return F.when(raw.rlike(rf"^\s*{NUMERAL}\s*$"), raw.cast("double"))
    if kind.startswith(("date", "timestamp", "binary", "interval", "time")):
        raise ConfigError(f"{key} = {expression!r} is of type {kind}; a number is expected")
    return raw.cast("double")


def doubtful(frame: "DataFrame", expression: str | None, key: str) -> "Column | None":
    """The values of a column that may be no numbers; None where all are by their type, or where there is no column."""
    if expression is None or is_number(kind_of(frame, expression, key)):
        return None
    return scalar(frame, expression, key)
