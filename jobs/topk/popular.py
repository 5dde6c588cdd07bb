"""Popular items by Spark SQL: of the whole shop and of each category."""

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


def popularity(events: "DataFrame", day: date, half_life: float) -> "DataFrame":
    """Table POPULARITY: the sum of weight * 2 ** (-age / half_life) over the events of an item, where it is above 0.

    events: the table of a run. day: of the night; ages are counted from its midnight, UTC. half_life: in days.
    """
    from pyspark.sql import functions as F

    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    age = F.greatest((F.lit(midnight) - F.col("time").cast("double")) / 86400.0, F.lit(0.0))
    # Summed in double, ranked in float: the order in which Spark adds must not decide between equal sums.
    sums = events.groupBy("item").agg(
        F.sum(F.col("weight") * F.pow(F.lit(2.0), -age / half_life)).cast("float").alias("score")
    )
    return sums.where("score > 0")


def popular(items: "DataFrame", scores: "DataFrame", length: int) -> "DataFrame":
    """Table POPULAR: items by their score, ties by the lower row.

    items, scores: the tables ITEMS and POPULARITY of a run. length: of a list. There is a row for '' (the whole shop)
    and for each name at any level of a category path; an item without a score is in no list, so a list may be empty.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    named = items.select("item", F.explode(F.array_union(F.array(F.lit("")), "category")).alias("category"))
    place = F.row_number().over(Window.partitionBy("category").orderBy(F.desc("score"), "item"))
    best = named.join(scores, "item").withColumn("place", place).where(F.col("place") <= length)
    lists = best.groupBy("category").agg(F.sort_array(F.collect_list(F.struct("place", "item", "score"))).alias("list"))
    shop = items.sparkSession.createDataFrame([("",)], "category string")
    every = named.select("category").union(shop).distinct()
    return every.join(lists, "category", "left").select(
        "category",
        F.coalesce("list.item", F.array().cast("array<int>")).alias("items"),
        F.coalesce("list.score", F.array().cast("array<float>")).alias("scores"),
    )
