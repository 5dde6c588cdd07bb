"""Events: the columns of the shop's files become table `events`."""

from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.config.shop import EventsConfig
from jobs.stages.ingest import reasons
from jobs.stages.ingest.spark.meaning.conditions import condition
from jobs.stages.ingest.spark.meaning.guests import user_or_guest, user_rules
from jobs.stages.ingest.spark.meaning.returns import RETURNED
from jobs.stages.ingest.spark.quarantine import REASON, Checked, first_reason, number_rules
from jobs.stages.ingest.spark.reading.columns import joined, scalar
from jobs.stages.ingest.spark.reading.ids import decimals, id_rules, identifier
from jobs.stages.ingest.spark.reading.numbers import doubtful, number
from jobs.stages.ingest.spark.reading.times import time_column
from jobs.stages.ingest.spark.shop_files import BROKEN, PLACE, read

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

SAME_EVENT = ("user_id", "item_id", "type", "time", "value", "price", "discount", "query")


def map_events(
    spark: "SparkSession", config: Config, names: EventsConfig, items: "DataFrame", left_out: "DataFrame | None" = None
) -> Checked:
    """Read and check one table of events against the good items (`item_id`, `item`). Of equal events one counts.

    left_out: `item_id` and `_left_out` of items whose events are left out.
    """
    from pyspark import StorageLevel
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    source = read(spark, names, config)
    no = F.lit(None).cast("string")

    def given(name: str) -> "Column":
        expression = getattr(names, name)
        return scalar(source, expression, f"events.{name}") if expression else no

    def amount(name: str) -> "Column":
        expression = getattr(names, name)
        return number(source, expression, f"events.{name}") if expression else no.cast("double")

    user_id = identifier(source, names.user_id, "events.user_id")
    order = identifier(source, names.order, "events.order") if names.order else no
    if names.guests == "basket":
        user_id = user_or_guest(user_id, order)
    item_id = identifier(source, names.item_id, "events.item_id")
    kind = F.trim(given("type").cast("string"))
    time = time_column(source, names.time, "events.time", names.time_format)
    numbers = {name: amount(name) for name in ("value", "price", "discount")}
    back = F.coalesce(numbers["value"] < 0, F.lit(False)) & F.lit(names.returns != "keep")
    numbers["price"] = F.when(back, F.abs(numbers["price"])).otherwise(numbers["price"])
    weights = F.create_map(*(F.lit(x) for pair in config.weights.items() for x in pair))
    ids = {"events.user_id": names.user_id, "events.item_id": names.item_id}
    rows = source.select(
        *PLACE,
        decimals(source, ids),
        user_id.alias("user_id"),
        item_id.alias("item_id"),
        kind.alias("type"),
        time.value.alias("time"),
        F.element_at(weights, kind).alias("weight"),
        *(value.alias(name) for name, value in numbers.items()),
        (joined(source, names.query, "events.query") if names.query else no).alias("query"),
        F.to_date(time.value).alias("day"),
        (back & F.lit(names.returns == "undo")).alias(RETURNED),
        F.coalesce(order, F.concat_ws(" ", user_id, time.value.cast("string"))).alias("basket"),
        first_reason(
            (F.col(BROKEN).isNotNull(), "record is not readable"),
            *([(~condition(source, names.where, "events.where"), reasons.LEFT_OUT)] if names.where else []),
            *user_rules(id_rules(source, names.user_id, "events.user_id"), user_id, names.guests),
            *id_rules(source, names.item_id, "events.item_id"),
            (kind.isNull() | (kind == ""), "type is missing"),
            (~kind.isin(*config.weights), reasons.UNWEIGHTED),
            *time.rules,
            *number_rules(doubtful(source, names.value, "events.value"), numbers["value"], "value"),
            *number_rules(doubtful(source, names.price, "events.price"), numbers["price"], "price", least=0),
            *number_rules(doubtful(source, names.discount, "events.discount"), numbers["discount"], "discount"),
            (time.value >= F.lit(config.date.isoformat()).cast("timestamp"), reasons.LATER),
            *([(back, reasons.RETURN)] if names.returns == "drop" else []),
        ).alias(REASON),
    )
    rows = rows.join(items.select("item_id", "item"), "item_id", "left")
    unknown = F.lit("item_id is not among the items")
    if left_out is not None:
        rows = rows.join(left_out, "item_id", "left")
        unknown = F.when(F.col("_left_out"), F.lit(reasons.OF_LEFT_OUT_ITEM)).otherwise(unknown)
    rows = rows.withColumn(REASON, F.coalesce(REASON, F.when(F.col("item").isNull(), unknown)))
    same = Window.partitionBy(*SAME_EVENT, F.col(REASON).isNull()).orderBy(*PLACE)
    again = F.col(REASON).isNull() & (F.row_number().over(same) > 1)
    rows = rows.withColumn(REASON, F.when(again, F.lit(reasons.REPEATED)).otherwise(F.col(REASON)))
    rows = rows.persist(StorageLevel.DISK_ONLY)
    return Checked(source, rows, ids)
