"""The sequences of users by Spark, the items in them, and the processes of the fit."""

from dataclasses import asdict
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.config import Config
from jobs.errors import DataError
from jobs.evaluation.problems.holdout import DAYS
from jobs.evaluation.problems.split import COLUMNS, problem_of_run
from jobs.infra.cluster.processes import run_together
from jobs.infra.spark import is_local
from jobs.infra.storage.shipped import shipped
from jobs.infra.tables import EVENTS, ITEMS, SEQUENCES
from jobs.models.behaviour.model_store import FITTED, WEIGHTS
from jobs.stages.train.processes import Fit, fit_process, meeting_at

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

STUDIED = 10_000
"""The study that chooses a preset reads the events of about so many users."""
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


def study_of(spark: "SparkSession", config: Config, until: date) -> dict[str, Any]:
    """Choose a preset on the last days before `until`; the events from then on are not read.

    Returns the facts of the choice, as `jobs.evaluation.tuning.kind.ChosenKind` names them.
    """
    import polars as pl

    from jobs.evaluation.tuning import kind

    events = pl.DataFrame(pl.from_arrow(_events_of_some(spark, config, until)))
    try:
        known = problem_of_run(config.run, until - timedelta(days=DAYS), DAYS, events)
    except DataError:  # nobody has events on both sides
        known = None
    return asdict(kind.choose(known, seed=config.train.seed))


def _events_of_some(spark: "SparkSession", config: Config, until: date) -> "pa.Table":
    """Read the events before a day of about STUDIED users, drawn by a hash of their ids: `split.COLUMNS`."""
    from pyspark.sql import functions as F

    events = config.run.read(spark, EVENTS).filter((F.col("day") < F.lit(until)) & (F.col("weight") > 0))
    known = events.agg(F.approx_count_distinct("user_id")).first()[0]
    parts = max(1, known // STUDIED)
    return events.filter(F.pmod(F.xxhash64("user_id"), F.lit(parts)) == 0).select(COLUMNS).toArrow()


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
        here = is_local(spark.sparkContext.master)
        fit = Fit(shipped(config.run.path(SEQUENCES.name)), config.train, meeting if here else None)
        again = "`daybreak job train` goes on from the last epoch"
        work, made = partial(fit_process, fit=fit), (FITTED, WEIGHTS)
        run_together(spark, work, config.train.processes, folder=folder, made=made, again=again)
    with np.load(folder / FITTED) as fitted:
        losses: list[float] = fitted["losses"].tolist()
    return losses
