"""The similar items of a night: what an earlier night made, where it holds, and the others."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from jobs.config.config import Config
from jobs.infra.blocks import Blocks, flat, spread
from jobs.infra.kept.lists import VECTOR, Generation, KeptLists, ListRows
from jobs.infra.logging import log_line
from jobs.infra.tables import ITEM_TOPK, ITEMS
from jobs.infra.vector_store import VectorStore, array_path
from jobs.ranking.unchanged import same_rows
from jobs.stages.topk.spark.lists import Groups
from jobs.stages.topk.spark.similar import DIFFERS, TAKEN_OVER, Earlier, item_lists, made_by_scan

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

VERSION = 1
"""Of the lists. A change that gives the same vectors other lists raises it."""


def write_similar(
    spark: "SparkSession", config: Config, vectors: VectorStore, count: int, groups: Groups
) -> dict[str, int]:
    """Write table ITEM_TOPK. Returns how many lists are new, taken over and dropped.

    Lists are taken over where those of a whole night have scores that depend on the two vectors alone: on a CPU with
    the kernel of `jobs.ranking.scan`, and of items without groups. There the table is the same as if all were made.
    """
    if groups is not None or not made_by_scan(spark, vectors, config.topk, count):
        config.run.write(ITEM_TOPK, item_lists(spark, vectors, config.topk, count, groups=groups))
        return {"new": count, "taken_over": 0, "dropped": 0}
    encoder = vectors.encoder.to_json()
    facts = {"version": VERSION, "length": config.topk.similar, "widths": encoder["widths"], "parts": encoder["parts"]}
    kept = KeptLists.of(config.work, "similar", facts, "topk")
    ids = _ids(config)
    earlier, before = _earlier(kept, ids, vectors)
    taken = _write(spark, config, vectors, count, earlier)
    if taken is None:
        log_line("topk", "lists-differ", folder=kept.folder, remedy="all are made anew")
        kept.forget()
        earlier, taken = None, _write(spark, config, vectors, count, None) or 0
    table = Blocks.of(config.run, ITEM_TOPK.name)
    if earlier is None or taken < count or before != count:
        kept.write(ids, array_path(vectors.folder, "item_vector"), config.topk.similar, lambda: _rows(table, config))
    return {"new": count - taken, "taken_over": taken, "dropped": max(before - taken, 0)}


def _ids(config: Config) -> pl.Series:
    files = Blocks.of(config.run, ITEMS.name).files
    items = pl.read_parquet(files, columns=["item", "item_id"], glob=False, hive_partitioning=False)
    return items.sort("item")["item_id"]


def _earlier(kept: KeptLists, ids: pl.Series, vectors: VectorStore) -> tuple[Earlier | None, int]:
    """The earlier lists, where enough may hold, and how many there are."""
    newest = kept.newest()
    if newest is None:
        return None, 0
    old = newest.ids()
    places = pl.DataFrame({"item_id": old, "row": np.arange(len(old), dtype=np.int64)})
    known = pl.DataFrame({"item_id": ids}).join(places, on="item_id", how="left", maintain_order="left")["row"]
    rows = same_rows(known.fill_null(-1).to_numpy(), newest.array(VECTOR), vectors.array("item_vector"))
    return (Earlier(Generation(newest.folder), rows) if rows.few else None), len(old)


def _write(
    spark: "SparkSession", config: Config, vectors: VectorStore, count: int, earlier: Earlier | None
) -> int | None:
    """Write the table. Returns how many lists were taken over; None where one of them is another than is made."""
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    states = Observation()
    found = item_lists(spark, vectors, config.topk, count, earlier=earlier).observe(
        states,
        F.count_if(F.col("state") == TAKEN_OVER).alias("taken"),
        F.count_if(F.col("state") == DIFFERS).alias("differ"),
    )
    config.run.write(ITEM_TOPK, found)
    return None if states.get["differ"] else int(states.get["taken"])


def _rows(table: Blocks, config: Config) -> Iterator[ListRows]:
    """The lists of the table, as arrays hold them."""
    length = config.topk.similar
    for batch in table.read(*ITEM_TOPK.columns):
        lengths, items = flat(batch.column("items"))
        places = spread(np.arange(len(lengths)) * length, lengths)
        item, score = np.full((len(lengths), length), -1, np.int32), np.zeros((len(lengths), length), np.float32)
        item.reshape(-1)[places], score.reshape(-1)[places] = items, flat(batch.column("scores"))[1]
        yield ListRows(batch.column("item").to_numpy().astype(np.int64), item, score)
