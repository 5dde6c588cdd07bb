"""Returns: a row with a negative quantity undoes what the user bought of the item before."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

RETURNED = "_returned"
"""A column of events: whether the event is a return, whose `value` is the quantity below zero."""
SAME = ("user_id", "item_id", "type")
"""A return undoes events that are equal in these."""


def undo(events: "DataFrame") -> "DataFrame":
    """The events without returns, and without what they undo.

    events: as table EVENTS, with RETURNED. A return undoes the newest events before it, as many pieces as came back: an
    event all of whose pieces came back is gone, another keeps the pieces that are left. An event without a `value` is
    one piece. A return that finds no event before it undoes nothing.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    those = events.filter(RETURNED).select(*SAME).distinct()
    others = events.join(those, list(SAME), "left_anti")
    # From the newest event on, pieces that came back wait for an event before them. The running sum rises with returns
    # and falls with events; pieces that nothing is left for do not wait: waiting = sum - min(0, the lowest sum so far).
    backwards = Window.partitionBy(*SAME).orderBy(F.desc("time"), F.desc(RETURNED), F.desc("value"))
    until_here = backwards.rowsBetween(Window.unboundedPreceding, 0)
    before_here = backwards.rowsBetween(Window.unboundedPreceding, -1)
    pieces = F.coalesce("value", F.lit(1.0))
    summed = events.join(those, list(SAME), "left_semi").withColumn("_sum", F.sum(-pieces).over(until_here))
    lowest = F.least(
        F.lit(0.0), F.min("_sum").over(before_here)
    )  # null before the first row, which `least` passes over
    matched = summed.withColumn("_waiting", F.coalesce(F.lag("_sum").over(backwards), F.lit(0.0)) - lowest)
    kept = matched.filter(~F.col(RETURNED) & ((F.col("_waiting") <= 0) | (F.round(pieces - F.col("_waiting"), 6) > 0)))
    left = F.when(F.col("_waiting") > 0, pieces - F.col("_waiting")).otherwise(F.col("value"))
    return others.unionByName(kept.withColumn("value", left).drop("_sum", "_waiting")).drop(RETURNED)
