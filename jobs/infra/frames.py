"""Spark transformations of more than one stage: row numbers, histories of users, popularity of items."""

from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.infra.spark import parquet
from jobs.infra.tables import MODEL_ITEMS, RunTable

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

POSITION_BITS = 33
"""`monotonically_increasing_id` has the place in the partition in so many low bits, and the partition above them."""


def empty(spark: "SparkSession", table: RunTable) -> "DataFrame":
    """A table without rows. One that is made of Python's lists would start a process of Python."""
    from pyspark.sql import functions as F

    return spark.range(0).select(*(F.lit(None).cast(field.type).alias(field.name) for field in table.fields))


def number_by_hash(frame: "DataFrame", key: str, name: str) -> "DataFrame":
    """Add column `name`: 0 … n-1 in the order of sha256(key), the order in which `lookup.keys` finds ids.

    key: a text column without duplicates. Spark sorts the frame across partitions, and only one number for each
    partition reaches the driver.
    """
    from pyspark.sql import functions as F

    placed = frame.orderBy(F.sha2(F.col(key), 256)).withColumn("_place", F.monotonically_increasing_id()).persist()
    return placed.withColumn(name, _number(placed, [F.shiftright("_place", POSITION_BITS)]).cast("int")).drop("_place")


def shard_of_id(key: str, shards: int) -> "Column":
    """The shard of an id, as `lookup.release.shards.routing` has it. key: its column."""
    from pyspark.sql import functions as F

    first = F.conv(F.substring(F.sha2(F.col(key), 256), 1, 8), 16, 10).cast("bigint")
    return F.shiftright(first * shards, 32).cast("int")


def shard_of_row(row: str, sizes: list[int]) -> "Column":
    """The shard of a row among all users. row: its column. sizes: how many users each shard has."""
    from pyspark.sql import functions as F

    firsts = F.array(*(F.lit(sum(sizes[:shard])) for shard in range(len(sizes))))
    return F.size(F.filter(firsts, lambda first: first <= F.col(row))) - 1


def record_number(frame: "DataFrame", file: str, block: str, place: str) -> "Column":
    """The number of a record in its file, from 1.

    frame: all records as read, with the columns `file`, `block` (where the split begins in the file) and `place`
    (`monotonically_increasing_id` of the scan).
    """
    from pyspark.sql import functions as F

    return _number(frame, [F.col(file), F.col(block)], place) + 1


def _number(frame: "DataFrame", group: "list[Column]", place: str = "_place") -> "Column":
    """A row's place among the rows of all groups that share its key except for the last part, groups in order."""
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


def histories(events: "DataFrame", until: date, newest: int) -> "DataFrame":
    """Every user's history before a day: user_id, items, days, ages, weights, bought, events, last_event.

    The lists begin with the oldest event and hold the `newest` events at most. days: since 1970, UTC. ages: whole days,
    float32, as the model is trained on them; the day before `until` has age 1. bought: the different items of the whole
    history, ascending. events: their number in the whole history.
    """
    from pyspark.sql import functions as F

    age = F.datediff(F.lit(until), F.col("day")).cast("float").alias("age")
    one = F.struct("time", "item", age, F.unix_date("day").alias("on"), "weight")
    return (
        events.filter(F.col("day") < F.lit(until))
        .groupBy("user_id")
        .agg(
            F.reverse(F.slice(F.sort_array(F.collect_list(one), False), 1, newest)).alias("h"),
            F.sort_array(F.collect_set("item")).alias("bought"),
            F.count("*").alias("events"),
            F.max("time").alias("last_event"),
        )
        .select(
            "user_id",
            F.col("h.item").alias("items"),
            F.col("h.on").alias("days"),
            F.col("h.age").alias("ages"),
            F.col("h.weight").alias("weights"),
            "bought",
            "events",
            "last_event",
        )
    )


def popularity(events: "DataFrame", day: date, half_life: float) -> "DataFrame":
    """Table POPULARITY: the sum of weight * 2 ** (-age / half_life) over the events of an item, where it is above 0.

    events: the table of a run. day: of the night; ages count from its midnight, UTC. half_life: in days.
    """
    from pyspark.sql import functions as F

    midnight = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
    age = F.greatest((F.lit(midnight) - F.col("time").cast("double")) / 86400.0, F.lit(0.0))
    # Sums are made in double and ranked in float, so that the order in which Spark adds does not break ties.
    sums = events.groupBy("item").agg(
        F.sum(F.col("weight") * F.pow(F.lit(2.0), -age / half_life)).cast("float").alias("score")
    )
    return sums.where("score > 0")


def popular(items: "DataFrame", scores: "DataFrame", length: int, *, grouped: bool = False) -> "DataFrame":
    """Table POPULAR: items by their score, ties by the lower row.

    items, scores: the tables ITEMS and POPULARITY of a run. length: of a list. grouped: whether items have groups, of
    which a list has one item each. A row has the list of '' (the whole
    shop), or of a name at any level of a category path. No list has an item without a score, so a list may be empty.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    # A group's id stands as a text, and an item without one for itself as a number.
    thing = [F.struct("group", F.when(F.col("group").isNull(), F.col("item"))).alias("thing")] if grouped else []
    of_category = F.explode(F.array_union(F.array(F.lit("")), "category")).alias("category")
    named = items.select("item", of_category, *thing)
    scored = named.join(scores, "item")
    order = (F.desc("score"), "item")
    if grouped:
        first = F.row_number().over(Window.partitionBy("category", "thing").orderBy(*order))
        scored = scored.withColumn("first", first).where("first = 1").drop("first", "thing")
    place = F.row_number().over(Window.partitionBy("category").orderBy(*order))
    best = scored.withColumn("place", place).where(F.col("place") <= length)
    lists = best.groupBy("category").agg(F.sort_array(F.collect_list(F.struct("place", "item", "score"))).alias("list"))
    shop = items.sparkSession.createDataFrame([("",)], "category string")
    every = named.select("category").union(shop).distinct()
    return every.join(lists, "category", "left").select(
        "category",
        F.coalesce("list.item", F.array().cast("array<int>")).alias("items"),
        F.coalesce("list.score", F.array().cast("array<float>")).alias("scores"),
    )


def model_items(spark: "SparkSession", model: Path) -> "DataFrame":
    """Table MODEL_ITEMS of the model in a folder."""
    return parquet(spark, model / "items", MODEL_ITEMS.ddl).select(*MODEL_ITEMS.columns)
