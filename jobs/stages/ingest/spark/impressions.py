"""Impressions: the columns of the shop's files become tables `shown` and `visits`, for the days of the ranker only."""

from datetime import date, timedelta
from functools import reduce
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.config.shop import ImpressionsConfig
from jobs.infra.frames import empty
from jobs.infra.tables import VISITS
from jobs.stages.ingest.spark.quarantine import REASON, Checked, first_reason, number_rules
from jobs.stages.ingest.spark.reading.columns import scalar
from jobs.stages.ingest.spark.reading.ids import id_rules, identifier
from jobs.stages.ingest.spark.reading.numbers import doubtful, number
from jobs.stages.ingest.spark.reading.times import time_column
from jobs.stages.ingest.spark.shop_files import BROKEN, PLACE, read

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def map_impressions(spark: "SparkSession", config: Config, items: "DataFrame", day: date) -> dict[str, list[Checked]]:
    """The checked tables by name, `impressions` and `visits`; empty where the shop has none.

    items: the good ones (`item_id`, `item`). day: the first one after those of the ranker.
    """
    if not config.impressions:
        return {}
    places = [names for names in config.impressions if names.visits]
    return {
        "impressions": [map_shown(spark, config, names, items, day) for names in config.impressions],
        "visits": [map_visits(spark, config, names, day) for names in places],
    }


def map_shown(
    spark: "SparkSession", config: Config, names: ImpressionsConfig, items: "DataFrame", day: date
) -> Checked:
    """Read and check one table of impressions against the good items (`item_id`, `item`).

    It leaves out rows that end before the days of the ranker or begin after them: they are many, and not wrong.
    """
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    source = read(spark, names, config)
    no = F.lit(None).cast("string")

    def given(name: str) -> "Column":
        expression = getattr(names, name)
        return scalar(source, expression, f"impressions.{name}") if expression else no

    def who(name: str) -> "Column":
        expression = getattr(names, name)
        return identifier(source, expression, f"impressions.{name}") if expression else no

    user_id, place, item_id = who("user_id"), who("place"), who("item_id")
    when = time_column(source, names.time, "impressions.time", names.time_format)
    time = when.value
    price = number(source, names.price, "impressions.price") if names.price else no.cast("double")
    in_stock = given("in_stock").cast("boolean")
    until = time + F.make_dt_interval(secs=F.lit(names.days * 86400.0)) if names.place else F.lit(None)
    since, night = _days(config, day)
    begins = since - F.make_dt_interval(secs=F.lit(names.days * 86400.0)) if names.place else since
    # Most rows are too old, so each is asked for that first, and its time made once: a filter makes it for every term.
    recent = F.coalesce((time >= begins) & (time < night), F.lit(True))
    rows = source.filter(recent).select(
        *PLACE,
        item_id.alias("item_id"),
        user_id.alias("user_id"),
        place.alias("place"),
        time.alias("time"),
        until.cast("timestamp").alias("until"),
        F.trim(given("kind").cast("string")).alias("kind"),
        price.alias("price"),
        in_stock.alias("in_stock"),
        first_reason(
            (F.col(BROKEN).isNotNull(), "record is not readable"),
            *id_rules(source, names.item_id, "impressions.item_id"),
            *(id_rules(source, names.user_id, "impressions.user_id") if names.user_id else []),
            *(id_rules(source, names.place, "impressions.place") if names.place else []),
            *when.rules,
            *number_rules(doubtful(source, names.price, "impressions.price"), price, "price", least=0),
        ).alias(REASON),
    )
    rows = rows.join(items.select("item_id", "item"), "item_id", "left").withColumn(
        REASON, F.coalesce(REASON, F.when(F.col("item").isNull(), F.lit("item_id is not among the items")))
    )
    return Checked(source, rows.persist(StorageLevel.DISK_ONLY))


def map_visits(spark: "SparkSession", config: Config, names: ImpressionsConfig, day: date) -> Checked:
    """Read and check one table of visits; it leaves out days that are not days of the ranker."""
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    visits = names.visits
    assert visits is not None, "the configuration was checked: impressions of places have visits"
    source = read(spark, visits, config)
    user_id = identifier(source, visits.user_id, "impressions.visits.user_id")
    place = identifier(source, visits.place, "impressions.visits.place")
    when = time_column(source, visits.time, "impressions.visits.time", visits.time_format)
    time = when.value
    since, night = _days(config, day)
    rows = source.filter(F.coalesce((time >= since) & (time < night), F.lit(True))).select(
        *PLACE,
        user_id.alias("user_id"),
        place.alias("place"),
        time.alias("time"),
        first_reason(
            (F.col(BROKEN).isNotNull(), "record is not readable"),
            *id_rules(source, visits.user_id, "impressions.visits.user_id"),
            *id_rules(source, visits.place, "impressions.visits.place"),
            *when.rules,
        ).alias(REASON),
    )
    return Checked(source, rows.persist(StorageLevel.DISK_ONLY))


def shown(tables: list[Checked]) -> "DataFrame":
    """Table SHOWN; an item shown twice to the same user, or at the same place, at one time is one row."""
    rows = reduce(lambda one, other: one.unionByName(other), (table.good().drop("item_id") for table in tables))
    return rows.dropDuplicates(["item", "user_id", "place", "time"])


def visits(spark: "SparkSession", tables: list[Checked]) -> "DataFrame":
    """Table VISITS: the first visit of each user on each day."""
    from pyspark.sql import functions as F

    if not tables:
        return empty(spark, VISITS)
    rows = reduce(lambda one, other: one.unionByName(other), (table.good() for table in tables))
    first = F.min(F.struct("time", "place")).alias("first")
    days = rows.groupBy("user_id", F.to_date("time").alias("day")).agg(first)
    return days.select("user_id", "first.place", "first.time", "day")


def _days(config: Config, day: date) -> "tuple[Column, Column]":
    """The time span in which impressions count: its first moment, and the first one after it."""
    from pyspark.sql import functions as F

    days = (day - timedelta(days=config.ranker.days), day)
    since, night = (F.lit(day.isoformat()).cast("timestamp") for day in days)
    return since, night
