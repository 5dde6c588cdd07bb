"""Items: from the columns of the shop's files to table `items`."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.stages.ingest.spark.absorb import PATCHED
from jobs.stages.ingest.spark.declared_features import values
from jobs.stages.ingest.spark.item_text import item_text
from jobs.stages.ingest.spark.quarantine import REASON, Checked, first_reason, number_rules
from jobs.stages.ingest.spark.shop_files import BROKEN, PLACE, UPDATED, column, identifier, joined, moment, read
from lookup.item_fields import STORED, ItemField

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def map_items(spark: "SparkSession", config: Config) -> Checked:
    """Read and check the items, with the time since when each row holds; of rows with the same id the first is good."""
    from pyspark import StorageLevel
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    names = config.items
    source = read(spark, names.files, config.base)

    no = F.lit(None).cast("string")
    fields = [_read_field(source, config, field) for field in STORED]
    updated_raw = column(source, names.updated, "items.updated") if names.updated else no
    updated = moment(updated_raw, None)
    item_id = identifier(source, names.item_id, "items.item_id")
    rows = source.select(
        *PLACE,
        item_id.alias("item_id"),
        *(field.value for field in fields),
        values(source, names.features).alias("features"),
        F.coalesce(updated, UPDATED).alias(UPDATED),
        first_reason(
            (F.col(BROKEN).isNotNull(), "record is not readable"),
            (item_id.isNull(), "item_id is missing"),
            *(rule for field in fields for rule in field.rules),
            ((F.trim(updated_raw.cast("string")) != "") & updated.isNull(), "updated is not readable"),
        ).alias(REASON),
    )
    good_first = Window.partitionBy("item_id", F.col(REASON).isNull()).orderBy(*PLACE)
    again = F.col(REASON).isNull() & (F.row_number().over(good_first) > 1)
    rows = rows.withColumn(REASON, F.when(again, F.lit("item_id stands in an earlier row")).otherwise(F.col(REASON)))
    return Checked(source, rows.persist(StorageLevel.DISK_ONLY))


@dataclass(frozen=True)
class _FieldColumn:
    """A field of `lookup.item_fields` as a column, and the rules that a good row keeps."""

    value: "Column"
    rules: "list[tuple[Column, str]]"


def _read_field(source: "DataFrame", config: Config, field: ItemField) -> _FieldColumn:
    """The column of a field, by its kind; the configuration names the field's columns in the file under its name."""
    from pyspark.sql import functions as F

    expression, key = getattr(config.items, field.name), f"items.{field.name}"
    if field.kind == "path":
        return _FieldColumn(_path(source, config, expression, key).alias(field.name), [])
    if field.kind == "text":
        text = F.lit(None).cast("string") if expression is None else joined(source, expression, key)
        return _FieldColumn(text.alias(field.name), [])
    raw = column(source, expression, key) if expression else F.lit(None).cast("string")
    if field.kind == "number":
        number = raw.cast("double")
        return _FieldColumn(number.alias(field.name), number_rules(raw, number, field.name, field.least))
    switch = raw.cast("boolean")
    wrong = (F.trim(raw.cast("string")) != "") & switch.isNull()
    on = F.coalesce(switch, F.lit(True)).alias(field.name)
    return _FieldColumn(on, [(wrong, f"{field.name} is neither true nor false")])


def _path(source: "DataFrame", config: Config, names: str | list[str] | None, key: str) -> "Column":
    """A path as a list of names, from the widest to the narrowest; empty where the shop gives none."""
    from pyspark.sql import functions as F

    if names is None:
        return F.array().cast("array<string>")
    if isinstance(names, str):
        path = joined(source, names, key)
        parts = F.split(F.coalesce(path, F.lit("")), "\\Q" + config.items.category_separator + "\\E")
    else:
        parts = F.array(*(joined(source, n, key) for n in names))
    trimmed = F.filter(F.transform(parts, lambda part: F.trim(part, F.lit(" "))), lambda part: part != "")
    return F.array_distinct(trimmed)


def finish_items(items: "DataFrame", events: "DataFrame") -> "DataFrame":
    """Table `items`: with its text, the number of events, and, where no price is given, that of the last event.

    items: with a column `PATCHED` + name of each patched field that only the text contains, where patches were read.
    """
    from pyspark.sql import functions as F

    known = events.groupBy("item").agg(
        F.count("*").alias("events"),
        F.max_by("price", F.when(F.col("price").isNotNull(), F.col("time"))).alias("last_price"),
    )
    return (
        items.join(known, "item", "left")
        .withColumn("events", F.coalesce("events", F.lit(0)))
        .withColumn("price", F.coalesce("price", "last_price"))
        .withColumn("text", item_text(partial(_text_column, items)))
    )


def _text_column(items: "DataFrame", name: str) -> "Column":
    """The column of a field that is part of the text: a stored one, or what was patched; null where neither is."""
    from pyspark.sql import functions as F

    stored = any(field.name == name for field in STORED)
    there = name if stored else f"{PATCHED}{name}"
    return F.col(there) if there in items.columns else F.lit(None).cast("string")
