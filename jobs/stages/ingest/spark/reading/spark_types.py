"""Spark's names of types and columns, and numbers as text."""

from typing import TYPE_CHECKING

from lookup.keys import LARGEST

if TYPE_CHECKING:
    from pyspark.sql import Column

WHOLE_NUMBERS = ("tinyint", "smallint", "int", "bigint")
"""Types of whole numbers, the narrowest first."""
FLOATS = ("float", "double")
TIMES = ("date", "timestamp_ntz", "timestamp")


def is_number(kind: str) -> bool:
    """Whether a type is one of numbers."""
    return kind in WHOLE_NUMBERS or is_fraction(kind)


def is_fraction(kind: str) -> bool:
    """Whether a type is one of numbers that need not be whole."""
    return kind in FLOATS or kind.startswith("decimal")


def number_text(raw: "Column", kind: str) -> "Column":
    """A value as text; a whole number has its digits alone, whatever its type."""
    from pyspark.sql import functions as F

    if not is_fraction(kind):
        return raw.cast("string")
    return F.when(is_whole(raw), raw.cast("decimal(38,0)").cast("string")).otherwise(raw.cast("string"))


def is_whole(raw: "Column") -> "Column":
    """Whether a number is whole. A float beyond ±2**53 may stand for several whole numbers."""
    from pyspark.sql import functions as F

    return (raw == F.floor(raw)) & (F.abs(raw) <= LARGEST)


def quoted(name: str) -> str:
    """The name of a column as Spark reads it, whatever its characters."""
    return "`" + name.replace("`", "``") + "`"


def named(name: str) -> "Column":
    """A column by its name, whatever its characters."""
    from pyspark.sql import functions as F

    return F.col(quoted(name))
