"""Declared features of items (`[items.features]`): their kinds, and their values as a map of texts."""

from typing import TYPE_CHECKING

from jobs.errors import ConfigError
from jobs.stages.ingest.spark.reading.columns import column
from lookup.release.schema import NUMBER, TEXT

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame


def kinds(source: "DataFrame", features: dict[str, str]) -> dict[str, str]:
    """The kind of each feature by its name, NUMBER or TEXT. features: name = a column or an expression.

    Raises ConfigError, naming the key, where a column is missing or has another type.
    """
    from pyspark.sql.types import BooleanType, NumericType, StringType

    found = {}
    for name, expression in features.items():
        key = f"items.features.{name}"
        kind = source.select(column(source, expression, key)).schema[0].dataType
        if not isinstance(kind, (NumericType, BooleanType, StringType)):
            raise ConfigError(
                f"{key} = {expression!r} is of type {kind.simpleString()}; expected a number, yes or no, or text: "
                f"convert it, as in `string({expression})`"
            )
        found[name] = TEXT if isinstance(kind, StringType) else NUMBER
    return found


def values(source: "DataFrame", features: dict[str, str]) -> "Column":
    """The known values of each item, map<string, string>. Yes is 1.0, no is 0.0; empty texts and NaN are unknown."""
    from pyspark.sql import functions as F

    parts = []
    for name, kind in kinds(source, features).items():
        raw = column(source, features[name], f"items.features.{name}")
        if kind == TEXT:
            value = F.nullif(F.trim(raw), F.lit(""))
        else:
            number = raw.cast("double")
            value = F.when(F.abs(number) < float("inf"), number).cast("string")
        parts += [F.lit(name), value]
    known = F.map_filter(F.create_map(*parts), lambda _, value: value.isNotNull()) if parts else F.create_map()
    return known.cast("map<string, string>")
