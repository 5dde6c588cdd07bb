"""Patches in the tables of the night: patched items, events that only the patch log knows, no forgotten user."""

from dataclasses import replace
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.stages.ingest.spark.meaning.returns import RETURNED
from jobs.stages.ingest.spark.patch_tables import Patches
from jobs.stages.ingest.spark.quarantine import REASON, Checked, first_reason
from jobs.stages.ingest.spark.shop_files import UPDATED
from lookup.item_fields import ABSORBED, NUMERAL, STORED, ItemField
from lookup.release.schema import NUMBER

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

PATCHED = "_patched_"
"""Begins the columns of items for patched fields that table `items` has no column for."""


def patch_items(items: "DataFrame", patches: Patches, kinds: dict[str, str]) -> "tuple[DataFrame, DataFrame]":
    """The good items with their patches, and the added items; and the wrong rows of the log, for table QUARANTINE.

    items: with column UPDATED. A statement counts where it is newer than that. A title or a text adds an item.
    kinds: of the declared features; statements on others are dropped.
    """
    from pyspark.sql import functions as F

    names = {name: f"new_{name}" for name in patches.items.columns if name != "item_id"}
    both = items.withColumn("_known", F.lit(True)).join(patches.items.withColumnsRenamed(names), "item_id", "full")
    added = F.col("_known").isNull()
    nothing = added & F.coalesce("new_title", "new_text").isNull()

    def newer(name: str) -> "Column":
        at = F.col("new_at")[name]
        return at.isNotNull() & (added | (at > F.col(UPDATED)))

    def merged(field: ItemField) -> "Column":
        value = F.when(newer(field.name), F.col(f"new_{field.name}")).otherwise(F.col(field.name))
        unknown = {"path": F.array().cast("array<string>"), "switch": F.lit(True)}.get(field.kind)
        return value if unknown is None else F.coalesce(value, unknown)

    columns = {field.name: merged(field) for field in STORED}
    for name in ABSORBED:
        if name not in columns:
            columns[f"{PATCHED}{name}"] = F.when(newer(name), F.col(f"new_{name}"))
    features, rules = [], [(nothing, "item_id is not among the items, and neither title nor text was said of it")]
    for name, kind in kinds.items():
        given = F.col("new_features")[name]
        new = _number(given).cast("string") if kind == NUMBER else given
        wrong = given.isNotNull() & new.isNull()
        rules.append((newer(name) & wrong, f"feature {name} is not a number"))
        features += [F.lit(name), F.when(newer(name) & ~wrong, new).otherwise(F.col("features")[name])]
    known = F.map_filter(F.create_map(*features), lambda _, value: value.isNotNull()) if features else F.create_map()
    columns["features"] = known.cast("map<string, string>")
    bad = both.withColumn(REASON, first_reason(*rules)).filter(F.col(REASON).isNotNull())
    good = both.filter(~nothing).select("item_id", *(value.alias(name) for name, value in columns.items()))
    return good, _quarantined(bad.withColumnsRenamed({"new_position": "position", "new_record": "record"}), patches)


def check_events(patches: Patches, items: "DataFrame", config: Config) -> "tuple[DataFrame, DataFrame]":
    """The good events of the log, as `jobs.stages.ingest.spark.events` has them; and the bad, for table QUARANTINE.

    items: the good ones (`item_id`, `item`).
    """
    from pyspark.sql import functions as F

    weights = F.create_map(*(F.lit(x) for pair in config.weights.items() for x in pair))
    no = F.lit(None)
    undo = any(table.returns == "undo" for table in config.events)
    rows = patches.events.join(items.select("item_id", "item"), "item_id", "left").select(
        "user_id",
        "item_id",
        "item",
        "type",
        "time",
        F.element_at(weights, F.col("type")).alias("weight"),
        "value",
        no.cast("double").alias("price"),
        no.cast("double").alias("discount"),
        no.cast("string").alias("query"),
        F.to_date("time").alias("day"),
        (F.coalesce(F.col("value") < 0, F.lit(False)) & F.lit(undo)).alias(RETURNED),
        "position",
        "record",
        first_reason(
            (~F.col("type").isin(*config.weights), "type is not one of [weights]"),
            (F.col("item").isNull(), "item_id is not among the items"),
        ).alias(REASON),
    )
    good = rows.filter(F.col(REASON).isNull()).drop(REASON, "position", "record")
    return good, _quarantined(rows.filter(F.col(REASON).isNotNull()), patches)


def only_in_log(logged: "DataFrame", events: "DataFrame") -> "DataFrame":
    """The events of the log that the shop's files lack: no event of that user, item and type is in the same second."""
    from pyspark.sql import functions as F

    def second(frame: "DataFrame") -> "DataFrame":
        return frame.withColumn("_second", F.date_trunc("second", "time"))

    same = ["user_id", "item_id", "type", "_second"]
    return second(logged).join(second(events).select(*same), same, "left_anti").drop("_second")


def without_forgotten(checked: Checked, patches: Patches) -> Checked:
    """The rows without those of forgotten users up to the time of forgetting, bad rows as well as good ones.

    checked: a table with `user_id` and `time`.
    """
    from pyspark.sql import functions as F

    gone = F.broadcast(patches.forgotten.withColumnRenamed("user_id", "_forgotten"))
    theirs = (F.col("user_id") == F.col("_forgotten")) & (F.col("time").isNull() | (F.col("time") <= F.col("at")))
    return replace(checked, rows=checked.rows.join(gone, theirs, "left_anti"))


def _number(text: "Column") -> "Column":
    from pyspark.sql import functions as F

    number = F.when(text.rlike(rf"^\s*{NUMERAL}\s*$"), text.cast("double"))
    return F.when(text == "true", 1.0).when(text == "false", 0.0).otherwise(number)


def _quarantined(bad: "DataFrame", patches: Patches) -> "DataFrame":
    from pyspark.sql import functions as F

    return bad.select(
        F.lit("patches").alias("source"),
        F.lit(patches.where).alias("file"),
        F.col("position").alias("row"),
        F.col(REASON).alias("reason"),
        "record",
    )
