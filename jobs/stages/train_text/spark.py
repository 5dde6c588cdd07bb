"""The Spark layer of `train_text`: what is bought together, and the process of the training."""

from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.infra.cluster.processes import run_together
from jobs.infra.tables import EVENTS
from jobs.models.text_encoder_training.files import FITTED, Training, train_files
from jobs.models.text_encoder_training.model_store import MODEL

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

BASKET = 40
"""A day of a user with more different items says little of what belongs together, and has very many pairs."""
BASKETS = 1_000_000
"""About so many are looked at; of more a sample."""
LEAST = 3
"""Users who had both items."""
PARTNERS = 5
"""Of an item at most: those of the most lift."""


def bought_together(spark: "SparkSession", config: Config) -> list[tuple[int, int]]:
    """Return rows of two items that users had on one day, both ways, those of the most lift first.

    At most `train_text.pairs`. The days that `evaluate` measures on are left out, as from `train`. The lift of two
    items is how many users had both, as a multiple of how many would have if the one told nothing of the other.
    """
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    until = config.run.day - timedelta(days=config.train.holdout_days)
    events = config.run.read(spark, EVENTS).where((F.col("day") < F.lit(until)) & (F.col("weight") > 0))
    days = events.groupBy("user_id", "day").agg(F.collect_set("item").alias("items"))
    every = days.where(F.size("items").between(2, BASKET)).persist()
    share = BASKETS / max(every.count(), 1)
    baskets = every.sample(share, seed=config.train_text.seed) if share < 1 else every
    alone = baskets.select("user_id", F.explode("items").alias("item")).groupBy("item")
    users = alone.agg(F.count_distinct("user_id").alias("users"))
    both = baskets.select("user_id", F.explode("items").alias("own"), "items")
    both = both.select("user_id", "own", F.explode("items").alias("other")).where("own != other")
    pairs = both.groupBy("own", "other").agg(F.count_distinct("user_id").alias("both")).where(F.col("both") >= LEAST)
    lifted = (
        pairs.join(users.selectExpr("item AS own", "users AS of_own"), "own")
        .join(users.selectExpr("item AS other", "users AS of_other"), "other")
        .withColumn("lift", F.col("both") / (F.col("of_own") * F.col("of_other")))
    )
    order = [F.desc("lift"), "own", "other"]
    place = F.row_number().over(Window.partitionBy("own").orderBy(*order))
    first = lifted.withColumn("place", place).where(F.col("place") <= PARTNERS).orderBy(*order)
    found = [(row["own"], row["other"]) for row in first.limit(config.train_text.pairs).collect()]
    every.unpersist()
    return found


def fine_tune_together(spark: "SparkSession", folder: Path, training: Training) -> None:
    """Run the training in a process, or on a cluster in a task, on the GPU that Spark lends it."""
    work, again = partial(train_files, training=training), "`daybreak job train_text` starts it again"
    run_together(spark, work, 1, folder=folder, made=(FITTED, MODEL), again=again)
