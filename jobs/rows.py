"""Numbering rows across the partitions of a Spark table, without bringing them together in one place."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

POSITION_BITS = 33
"""`monotonically_increasing_id` holds the partition in the bits above these, the place in the partition below."""


def number_by_hash(frame: "DataFrame", key: str, name: str) -> "DataFrame":
    """Add column `name`: 0 … n-1 in the order of sha256(key), the order in which `lookup.keys` finds ids.

    key: a text column without duplicates. The frame is sorted across partitions; only one number a partition is
    collected.
    """
    from pyspark.sql import functions as F

    placed = frame.orderBy(F.sha2(F.col(key), 256)).withColumn("_place", F.monotonically_increasing_id()).persist()
    return placed.withColumn(name, _number(placed, [F.shiftright("_place", POSITION_BITS)]).cast("int")).drop("_place")


def record_number(frame: "DataFrame", file: str, block: str, place: str) -> "Column":
    """The number of a record in its file, from 1.

    frame: all records as read, with the columns `file`, `block` (where in the file the split begins) and `place`
    (`monotonically_increasing_id` of the scan).
    """
    from pyspark.sql import functions as F

    return _number(frame, [F.col(file), F.col(block)], place) + 1


def _number(frame: "DataFrame", group: "list[Column]", place: str = "_place") -> "Column":
    """A row's place among the rows of all groups whose key differs at most in its last part, groups in order."""
    from pyspark.sql import functions as F

    parts = [g.alias(f"g{n}") for n, g in enumerate(group)]
    found = frame.groupBy(*parts).agg(F.min(place).alias("first"), F.count("*").alias("size")).collect()
    starts: dict[int, int] = {}
    before, total = None, 0
    for row in sorted(found, key=lambda r: tuple(r[: len(group)])):
        outer = tuple(row[: len(group) - 1])
        total = total if outer == before else 0
        before = outer
        starts[row["first"]] = total
        total += row["size"]
    if not starts:
        return F.lit(0).cast("bigint")
    # A row's group is the one with the largest first place that is not above the row's own.
    first = F.array(*(F.lit(f).cast("bigint") for f in starts))
    mine = F.array_max(F.filter(first, lambda f: f <= F.col(place)))
    shift = F.map_from_arrays(first, F.array(*(F.lit(s).cast("bigint") for s in starts.values())))
    return F.col(place) - mine + F.element_at(shift, mine)
