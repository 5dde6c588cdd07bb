"""Rows of one item are one item: of each field the last known value counts."""

from typing import TYPE_CHECKING

from jobs.infra.logging import log_line
from jobs.stages.ingest.reasons import LEFT_OUT
from jobs.stages.ingest.spark.quarantine import REASON, Checked
from jobs.stages.ingest.spark.shop_files import PLACE, UPDATED
from lookup.item_fields import STORED

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame

DIFFERING = "_differing"
"""A column of merged items: the names of the fields for which the rows of the item give several values."""


def merge(rows: "DataFrame", features: "Collection[str]") -> "DataFrame":
    """One row for each item: `item_id`, its fields, `features`, UPDATED (the newest of its rows), and DIFFERING.

    rows: the good ones, with PLACE and UPDATED; an unknown value is null, or an empty path. features: the names of the
    declared features. The value of a field is the last known one by UPDATED; of rows of one time, that of the first.
    """
    from pyspark.sql import functions as F

    newest_first = F.struct((-F.unix_micros(F.col(UPDATED))).alias("age"), *PLACE)
    values = {
        field.name: F.when(F.size(field.name) > 0, F.col(field.name)) if field.kind == "path" else F.col(field.name)
        for field in STORED
    }
    values |= {f"features.{name}": F.col("features")[name] for name in features}
    last = [F.min_by(v, F.when(v.isNotNull(), newest_first)).alias(name) for name, v in values.items()]
    several = [F.when(F.min(value) != F.max(value), F.lit(name)) for name, value in values.items()]
    merged = rows.groupBy("item_id").agg(
        *last, F.max(UPDATED).alias(UPDATED), F.array_compact(F.array(*several)).alias(DIFFERING)
    )
    pairs = [part for name in features for part in (F.lit(name), F.col(f"`features.{name}`"))]
    known = F.map_filter(F.create_map(*pairs), lambda _, value: value.isNotNull()) if pairs else F.create_map()
    unknown = {"path": F.array().cast("array<string>"), "switch": F.lit(True)}
    return merged.select(
        "item_id",
        *(
            F.coalesce(field.name, unknown[field.kind]).alias(field.name) if field.kind in unknown else field.name
            for field in STORED
        ),
        known.cast("map<string, string>").alias("features"),
        UPDATED,
        DIFFERING,
    )


def left_out_items(checked: Checked) -> "DataFrame":
    """The ids of the items that have only rows which the condition `where` leaves out: `item_id`, `_left_out`."""
    from pyspark.sql import functions as F

    ids = checked.rows.filter(F.col("item_id").isNotNull()).groupBy("item_id")
    return ids.agg(F.bool_and(F.col(REASON).eqNullSafe(LEFT_OUT)).alias("_left_out")).filter("_left_out")


def tell_differing(items: "DataFrame") -> int:
    """Log for each field how many items have several values, with an example; returns how many items do.

    items: as `merge` makes them.
    """
    from pyspark.sql import functions as F

    several = items.filter(F.size(DIFFERING) > 0)
    found = (
        several.select("item_id", F.explode(DIFFERING).alias("field"))
        .groupBy("field")
        .agg(F.count("*").alias("items"), F.min("item_id").alias("example"))
        .collect()
    )
    for row in sorted(found, key=lambda row: -row["items"]):
        log_line("ingest", "contradictions", field=row["field"], items=row["items"], example=row["example"])
    return several.count() if found else 0
