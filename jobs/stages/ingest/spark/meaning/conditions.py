"""Conditions of the configuration: which rows count."""

from typing import TYPE_CHECKING

from jobs.errors import ConfigError
from jobs.stages.ingest.spark.reading.columns import column, kind_of

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def condition(frame: "DataFrame", expression: str, key: str) -> "Column":
    """The condition that a key of the configuration names, true or false for each row; where it is null, false.

    Raises ConfigError, naming the key, where the expression is no condition.
    """
    from pyspark.sql import functions as F

    kind = kind_of(frame, expression, key)
    if kind != "boolean":
        raise ConfigError(
            f"{key} = {expression!r} gives a {kind} for each row; expected a condition that is true or false, "
            "such as \"country = 'DE'\""
        )
    return F.coalesce(column(frame, expression, key), F.lit(False))
