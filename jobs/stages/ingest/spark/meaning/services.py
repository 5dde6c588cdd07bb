"""Items that look like no product, by the orders of the shop; the log names them with the line that leaves them out."""

from functools import reduce
from typing import TYPE_CHECKING

import polars as pl

from jobs.config.config import Config
from jobs.config.service_articles import Suspect, exclusion, find_suspects, quoted
from jobs.infra.logging import log_line
from jobs.stages.ingest.spark.quarantine import Checked

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

MOST = 200_000
"""Items that are looked at, those with the most events."""


def suspects(tables: list[Checked], items: "DataFrame", config: Config) -> list[Suspect]:
    """The items that look like no product, by the tables that have orders or prices.

    tables: one for each of `config.events`. items: the good ones.
    """
    from pyspark.sql import functions as F

    ordered = [
        checked.good().select("item_id", "basket", "price")
        for checked, names in zip(tables, config.events, strict=True)
        if names.order or names.price
    ]
    if not ordered:
        return []
    rows = reduce(lambda one, other: one.unionByName(other), ordered)
    everything = rows.agg(F.approx_count_distinct("basket").alias("baskets"))
    of_items = rows.groupBy("item_id").agg(
        F.approx_count_distinct("basket").alias("baskets"),
        F.percentile_approx("price", 0.1).alias("low"),
        F.percentile_approx("price", 0.9).alias("high"),
    )
    most = of_items.orderBy(F.desc("baskets"), "item_id").limit(MOST)
    named = most.join(items.select("item_id", "title"), "item_id")
    found = pl.DataFrame(pl.from_arrow(named.unionByName(everything, allowMissingColumns=True).toArrow()))
    of_all = pl.col("item_id").is_null()
    return find_suspects(found.filter(~of_all), found.filter(of_all)["baskets"][0])


def tell_suspects(found: list[Suspect], config: Config) -> None:
    """Log each suspect, and the lines of `[items]` that leave them out, the clear ones and the others."""
    for one in found:
        reasons = ", ".join(one.reasons)
        log_line("ingest", "no-product?", item_id=one.item_id, title=one.title, clear=one.clear, because=reasons)
    name = config.items.item_id
    column = name if "(" in name else quoted(name)
    for clear in (True, False):
        ids = [one.item_id for one in found if one.clear is clear]
        if ids:
            line = exclusion(column, ids, config.items.where)
            log_line(
                "ingest", "no-product?", clear=clear, items=len(ids), to_leave_them_out=f"[items] where = {line!r}"
            )
