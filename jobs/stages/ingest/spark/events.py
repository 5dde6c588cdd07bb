"""Events: the columns of the shop's files become table `events`."""

from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.config.shop import EventsConfig
from jobs.stages.ingest.spark.quarantine import LATER, REASON, Checked, first_reason, number_rules
from jobs.stages.ingest.spark.shop_files import BROKEN, PLACE, column, identifier, joined, moment, read

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession

SAME_EVENT = ("user_id", "item_id", "type", "time", "value", "price", "discount", "query")


def map_events(spark: "SparkSession", config: Config, names: EventsConfig, items: "DataFrame") -> Checked:
    """Read and check one table of events against the good items (`item_id`, `item`). Of equal events one counts."""
    from pyspark import StorageLevel
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    source = read(spark, names.files, config.base)
    no = F.lit(None).cast("string")

    def given(name: str) -> "Column":
        expression = getattr(names, name)
        return column(source, expression, f"events.{name}") if expression else no

    user_id = identifier(source, names.user_id, "events.user_id")
    item_id = identifier(source, names.item_id, "events.item_id")
    kind = F.trim(given("type").cast("string"))
    time = moment(given("time"), names.time_format)
    numbers = {name: given(name).cast("double") for name in ("value", "price", "discount")}
    weights = F.create_map(*(F.lit(x) for pair in config.weights.items() for x in pair))
    rows = source.select(
        *PLACE,
        user_id.alias("user_id"),
        item_id.alias("item_id"),
        kind.alias("type"),
        time.alias("time"),
        F.element_at(weights, kind).alias("weight"),
        *(number.alias(name) for name, number in numbers.items()),
        (joined(source, names.query, "events.query") if names.query else no).alias("query"),
        F.to_date(time).alias("day"),
        first_reason(
            (F.col(BROKEN).isNotNull(), "record is not readable"),
            (user_id.isNull(), "user_id is missing"),
            (item_id.isNull(), "item_id is missing"),
            (kind.isNull() | (kind == ""), "type is missing"),
            (~kind.isin(*config.weights), "type is not one of [weights]"),
            (F.coalesce(F.trim(given("time").cast("string")), F.lit("")) == "", "time is missing"),
            (time.isNull(), "time is not readable"),
            (time < F.lit("1970-01-01").cast("timestamp"), "time is before 1970"),
            (time > F.current_timestamp(), "time is in the future"),
            *number_rules(given("value"), numbers["value"], "value"),
            *number_rules(given("price"), numbers["price"], "price", least=0),
            *number_rules(given("discount"), numbers["discount"], "discount"),
            (time >= F.lit(config.date.isoformat()).cast("timestamp"), LATER),
        ).alias(REASON),
    )
    rows = rows.join(items.select("item_id", "item"), "item_id", "left").withColumn(
        REASON, F.coalesce(REASON, F.when(F.col("item").isNull(), F.lit("item_id is not among the items")))
    )
    same = Window.partitionBy(*SAME_EVENT, F.col(REASON).isNull()).orderBy(*PLACE)
    again = F.col(REASON).isNull() & (F.row_number().over(same) > 1)
    rows = rows.withColumn(
        REASON, F.when(again, F.lit("the same event stands in an earlier row")).otherwise(F.col(REASON))
    )
    return Checked(source, rows.persist(StorageLevel.DISK_ONLY))
