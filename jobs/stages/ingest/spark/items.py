"""Items: from the columns of the shop's files to table `items`."""

from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.stages.ingest.spark.absorb import SAID_TEXT
from jobs.stages.ingest.spark.declared_features import values
from jobs.stages.ingest.spark.quarantine import REASON, Checked, first_reason, number_rules
from jobs.stages.ingest.spark.shop_files import BROKEN, PLACE, UPDATED, column, identifier, joined, moment, read

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def map_items(spark: "SparkSession", config: Config) -> Checked:
    """Read and check the items, with the time of which each row is; of rows with the same id the first is kept."""
    from pyspark import StorageLevel
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    names = config.items
    source = read(spark, names.files, config.base)

    def text(name: str) -> "Column":
        expression = getattr(names, name)
        if expression is None:
            return F.lit(None).cast("string")
        return joined(source, expression, f"items.{name}")

    no = F.lit(None).cast("string")
    price_raw = column(source, names.price, "items.price") if names.price else no
    stock_raw = column(source, names.in_stock, "items.in_stock") if names.in_stock else no
    price, in_stock = price_raw.cast("double"), stock_raw.cast("boolean")
    updated_raw = column(source, names.updated, "items.updated") if names.updated else no
    updated = moment(updated_raw, None)
    item_id = identifier(source, names.item_id, "items.item_id")
    rows = source.select(
        *PLACE,
        item_id.alias("item_id"),
        text("title").alias("title"),
        text("description").alias("description"),
        _category(source, config).alias("category"),
        text("brand").alias("brand"),
        price.alias("price"),
        text("image").alias("image"),
        F.coalesce(in_stock, F.lit(True)).alias("in_stock"),
        values(source, names.features).alias("features"),
        F.coalesce(updated, UPDATED).alias(UPDATED),
        first_reason(
            (F.col(BROKEN).isNotNull(), "record is not readable"),
            (item_id.isNull(), "item_id is missing"),
            *number_rules(price_raw, price, "price", least=0),
            ((F.trim(stock_raw.cast("string")) != "") & in_stock.isNull(), "in_stock is neither true nor false"),
            ((F.trim(updated_raw.cast("string")) != "") & updated.isNull(), "updated is not readable"),
        ).alias(REASON),
    )
    good_first = Window.partitionBy("item_id", F.col(REASON).isNull()).orderBy(*PLACE)
    again = F.col(REASON).isNull() & (F.row_number().over(good_first) > 1)
    rows = rows.withColumn(REASON, F.when(again, F.lit("item_id stands in an earlier row")).otherwise(F.col(REASON)))
    return Checked(source, rows.persist(StorageLevel.DISK_ONLY))


def _category(source: "DataFrame", config: Config) -> "Column":
    """The category path as a list of names, from the widest to the narrowest; empty where the shop gives none."""
    from pyspark.sql import functions as F

    names = config.items.category
    if names is None:
        return F.array().cast("array<string>")
    if isinstance(names, str):
        path = joined(source, names, "items.category")
        parts = F.split(F.coalesce(path, F.lit("")), "\\Q" + config.items.category_separator + "\\E")
    else:
        parts = F.array(*(joined(source, n, "items.category") for n in names))
    trimmed = F.filter(F.transform(parts, lambda part: F.trim(part, F.lit(" "))), lambda part: part != "")
    return F.array_distinct(trimmed)


def finish_items(items: "DataFrame", events: "DataFrame") -> "DataFrame":
    """Table `items`: with the text to embed, the number of events, and, where none is given, the last event's price.

    What a patch said that the text model is to read stands for the description.
    """
    from pyspark.sql import functions as F

    known = events.groupBy("item").agg(
        F.count("*").alias("events"),
        F.max_by("price", F.when(F.col("price").isNotNull(), F.col("time"))).alias("last_price"),
    )
    path = F.nullif(F.concat_ws(", ", "category"), F.lit(""))
    said = F.col(SAID_TEXT) if SAID_TEXT in items.columns else F.lit(None)
    return (
        items.join(known, "item", "left")
        .withColumn("events", F.coalesce("events", F.lit(0)))
        .withColumn("price", F.coalesce("price", "last_price"))
        .withColumn("text", F.concat_ws(". ", "title", "brand", path, F.coalesce(said, "description")))
    )
