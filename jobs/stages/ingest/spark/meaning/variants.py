"""Groups of variants: those that are no groups, and the guess where the shop states none."""

from typing import TYPE_CHECKING

from jobs.infra.logging import log_line
from lookup.item_fields import MOST_VARIANTS

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

EXAMPLES = 3
GUESSED = "="
"""Begins the ids of guessed groups; the id of one of the items follows."""


def with_guesses(items: "DataFrame") -> "DataFrame":
    """Items without a group get one where others have the same title, brand and narrowest category.

    Titles and brands are alike that differ in case, punctuation and white space alone. An item of which one of the
    three is unknown stays alone.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    def plain(name: str) -> "F.Column":
        return F.nullif(F.trim(F.regexp_replace(F.lower(name), r"[^\p{L}\p{N}]+", " ")), F.lit(""))

    leaf = F.try_element_at("category", F.lit(-1))
    key = F.when(
        F.col("group").isNull(), F.struct(plain("title").alias("t"), plain("brand").alias("b"), leaf.alias("c"))
    )
    whole = key.isNotNull() & key["t"].isNotNull() & key["b"].isNotNull() & key["c"].isNotNull()
    # What cannot be alike goes to many tasks and not to one.
    alike = Window.partitionBy(F.when(whole, key), F.when(~whole, F.col("item_id")))
    guess = F.when(whole & (F.count("*").over(alike) > 1), F.concat(F.lit(GUESSED), F.min("item_id").over(alike)))
    return items.withColumn("group", F.coalesce("group", guess))


def without_crowds(items: "DataFrame") -> "DataFrame":
    """Items of a group with more than `MOST_VARIANTS` lose it: so many are no variants. It is told."""
    from pyspark.sql import functions as F

    counts = items.filter(F.col("group").isNotNull()).groupBy("group").agg(F.count("*").alias("_of_group"))
    crowds = counts.filter(F.col("_of_group") > MOST_VARIANTS).persist()
    found = crowds.orderBy(F.desc("_of_group"), "group").limit(EXAMPLES).collect()
    if not found:
        crowds.unpersist()
        return items
    told = ", ".join(f"{row['group']!r:.100} ({row['_of_group']} items)" for row in found)
    text = (
        f"{crowds.count()} groups have more than {MOST_VARIANTS} items, such as {told}: these are no variants of one "
        "thing, and stay apart. Is items.group the right column?"
    )
    log_line("ingest", "warning", text=text)
    kept = F.when(F.col("_of_group").isNull(), F.col("group")).alias("group")
    columns = [kept if name == "group" else name for name in items.columns]
    return items.join(F.broadcast(crowds), "group", "left").select(*columns)


def tell_groups(items: "DataFrame") -> dict[str, int]:
    """The numbers of groups with several items, and of these items, by their names in the receipt.

    Groups of one item each are told, for then the column is another one; so are items without a group whose own id
    is a group: the parents of variants.
    """
    from pyspark.sql import functions as F

    groups = items.filter(F.col("group").isNotNull()).groupBy("group").agg(F.count("*").alias("n"))
    several = F.when(F.col("n") > 1, F.col("n"))
    found = groups.agg(
        F.count("*").alias("all"), F.count(several).alias("groups"), F.sum(several).alias("items")
    ).first()
    if found["all"] and not found["groups"]:
        log_line("ingest", "warning", text="no two items have one group: is items.group the right column?")
    alone = items.filter(F.col("group").isNull()).select(F.col("item_id").alias("group"))
    parents = groups.join(alone, "group", "left_semi").agg(F.count("*"), F.min("group")).first()
    if parents[0]:
        text = (
            f"{parents[0]} items without a group have an id that is the group of others, such as {parents[1]!r:.100}: "
            'if they are the parents of these, items.group = "coalesce(PARENT, ID)" groups them, too, with your columns'
        )
        log_line("ingest", "warning", text=text)
    return {"groups": found["groups"], "variants": found["items"] or 0}
