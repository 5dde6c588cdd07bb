"""Items: from the columns of the shop's files to table `items`."""

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.stages.ingest.reasons import LEFT_OUT
from jobs.stages.ingest.spark.absorb import PATCHED
from jobs.stages.ingest.spark.declared_features import values
from jobs.stages.ingest.spark.item_text import item_text
from jobs.stages.ingest.spark.meaning.conditions import condition
from jobs.stages.ingest.spark.pictures import picture_address
from jobs.stages.ingest.spark.quarantine import REASON, Checked, first_reason, number_rules
from jobs.stages.ingest.spark.reading.columns import joined, path, scalar
from jobs.stages.ingest.spark.reading.ids import decimals, id_rules, identifier
from jobs.stages.ingest.spark.reading.numbers import doubtful, number
from jobs.stages.ingest.spark.reading.times import time_column
from jobs.stages.ingest.spark.shop_files import BROKEN, PLACE, UPDATED, read
from lookup.item_fields import STORED, ItemField
from lookup.patches.validation import LONGEST_PATH

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame, SparkSession


def map_items(spark: "SparkSession", config: Config) -> Checked:
    """Read and check the rows of items, with the time since when each holds; several rows may be of one item."""
    from pyspark import StorageLevel
    from pyspark.sql import functions as F

    names = config.items
    source = read(spark, names, config)

    fields = [_read_field(source, config, field) for field in STORED]
    updated = time_column(source, names.updated, "items.updated", None) if names.updated else None
    item_id = identifier(source, names.item_id, "items.item_id")
    ids = {"items.item_id": names.item_id}
    rows = source.select(
        *PLACE,
        decimals(source, ids),
        item_id.alias("item_id"),
        *(field.value for field in fields),
        values(source, names.features).alias("features"),
        F.coalesce(*([updated.value] if updated else []), UPDATED).alias(UPDATED),
        first_reason(
            (F.col(BROKEN).isNotNull(), "record is not readable"),
            *([(~condition(source, names.where, "items.where"), LEFT_OUT)] if names.where else []),
            *id_rules(source, names.item_id, "items.item_id"),
            *(rule for field in fields for rule in field.rules),
            *(updated.given_rules if updated else []),
        ).alias(REASON),
    )
    rows = rows.persist(StorageLevel.DISK_ONLY)
    return Checked(source, rows, ids)


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
        names = path(source, expression, key, config.items.category_separator) if expression else F.array()
        deep = F.size(names) > LONGEST_PATH  # every item of the release has as many places as the longest path
        column = names.cast("array<string>").alias(field.name)
        return _FieldColumn(column, [(deep, f"{field.name} has more than {LONGEST_PATH} names")])
    if field.name == "image" and expression is not None:
        return _FieldColumn(picture_address(source, expression, key).alias(field.name), [])
    if field.kind in ("text", "id"):
        text, rules = F.lit(None).cast("string"), list[tuple["Column", str]]()
        if expression is not None and field.kind == "id":
            text, rules = identifier(source, expression, key), id_rules(source, expression, key, needed=False)
        elif expression is not None:
            text = joined(source, expression, key)
        return _FieldColumn(text.alias(field.name), rules)
    raw = scalar(source, expression, key) if expression else F.lit(None).cast("string")
    if field.kind == "number":
        value = number(source, expression, key) if expression else raw.cast("double")
        rules = number_rules(doubtful(source, expression, key), value, field.name, field.least)
        return _FieldColumn(value.alias(field.name), rules)
    switch = raw.cast("boolean")
    wrong = (F.trim(raw.cast("string")) != "") & switch.isNull()
    return _FieldColumn(switch.alias(field.name), [(wrong, f"{field.name} is neither true nor false")])


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
