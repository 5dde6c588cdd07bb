"""The sequences of users by Spark, the items in them, and the processes of the fit."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from jobs.config.config import Config
from jobs.infra.cluster.processes import run_together
from jobs.infra.tables import EVENTS, ITEMS, SEQUENCES
from jobs.models.behaviour.model_store import FITTED
from jobs.stages.train.processes import Fit, fit_process, meeting_at

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

USERS_A_FILE = 10_000
"""A process of the fit holds the users of one file in memory."""


def write_sequences(spark: "SparkSession", config: Config, until: str) -> int:
    """Write table `sequences`: the newest events before `until` of every user with two days or more.

    Returns the number of users.
    """
    from pyspark.sql import functions as F

    events = config.run.read(spark, EVENTS).filter((F.col("day") < F.lit(until).cast("date")) & (F.col("weight") > 0))
    one = F.struct("time", "item", F.unix_date("day").alias("day"), "weight")
    newest = F.slice(F.sort_array(F.collect_list(one), asc=False), 1, config.train.max_history)
    users = (
        events.groupBy("user_id")
        .agg(F.sort_array(newest).alias("h"), F.countDistinct("day").alias("days"))
        .filter("days > 1")
        .select("user_id", F.col("h.item").alias("items"), F.col("h.day").alias("days"), "h.weight")
        .withColumnRenamed("weight", "weights")
    )
    # A process reads one file at a time, and each process must have some. Equal nights give equal files.
    known = events.agg(F.approx_count_distinct("user_id")).first()[0]
    files = max(4 * config.train.processes, -(-known // USERS_A_FILE))
    config.run.write(SEQUENCES, users.repartition(files, "user_id").sortWithinPartitions("user_id"))
    return int(config.run.read(spark, SEQUENCES).count())


def items_of(spark: "SparkSession", config: Config, events: "DataFrame", *, every: bool = False) -> "pa.Table":
    """Read the items of some events, by row: item, item_id, the number of their events, and the item's FACTS.

    events: with the column `item`. every: read the other items too, with 0 events.
    """
    from pyspark.sql import functions as F

    from jobs.models.attributes import FACTS

    counts = events.groupBy("item").agg(F.count("*").alias("events"))
    items = config.run.read(spark, ITEMS).select("item", "item_id", *FACTS)
    found = counts.join(items, "item", "right" if every else "inner")
    return (
        found.select("item", "item_id", F.coalesce("events", F.lit(0)).alias("events"), *FACTS)
        .orderBy("item")
        .toArrow()
    )


def fit_together(spark: "SparkSession", config: Config, folder: Path) -> list[float]:
    """Run the processes of the fit; rank 0 writes its numbers to the folder. Returns the loss of every epoch."""
    with meeting_at(folder) as meeting:
        fit = Fit(config.run.path(SEQUENCES.name), folder, config.train, meeting)
        work = partial(fit_process, fit=fit)
        run_together(spark, work, config.train.processes, "`daybreak job train` goes on from the last epoch")
    with np.load(folder / FITTED) as fitted:
        losses: list[float] = fitted["losses"].tolist()
    return losses
