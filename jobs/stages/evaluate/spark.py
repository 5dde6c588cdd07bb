"""Evaluate in Spark: the users who are measured, the kinds of items and users, and the rows of table `evaluation`."""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.evaluation.metrics.ranking import measure
from jobs.evaluation.slices import head
from jobs.infra.frames import histories, popularity
from jobs.infra.receipts.tasks import measured
from jobs.infra.spark import task_device
from jobs.infra.tables import EVALUATION, ITEMS
from jobs.stages.evaluate.contestants import METHODS, Contestant, lists, take_users
from jobs.stages.evaluate.night_slices import Kinds, slices_of

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Batches = Iterator["pa.RecordBatch"]

LENGTH = 20
"""Lists are measured up to so many items."""


def measured_users(events: "DataFrame", until: date, config: Config) -> "DataFrame":
    """The users with events before and since `until`: their histories before, and `truth`, the items since.

    Of many users it takes a sample (validate.sample_users).
    """
    from pyspark.sql import functions as F

    truth = events.filter(F.col("day") >= F.lit(until)).groupBy("user_id").agg(F.collect_set("item").alias("truth"))
    users = histories(events, until, config.train.max_history).join(truth, "user_id")
    return sample(users, config.validate.sample_users)


def sample(users: "DataFrame", most: int) -> "DataFrame":
    """About `most` of the users, always the same ones; all of them where there are not more."""
    from pyspark.sql import functions as F

    count = users.count()
    if count <= most:
        return users
    return users.filter(F.pmod(F.xxhash64("user_id"), F.lit(1_000_000)) < int(most / count * 1_000_000))


def item_ids(spark: "SparkSession", config: Config) -> list[str]:
    """The ids of the items of the run, in the order of their rows."""
    items = config.run.read(spark, ITEMS).select("item", "item_id").toArrow().sort_by("item")
    ids: list[str] = items["item_id"].to_pylist()
    return ids


def popularities(before: "DataFrame", until: date, config: Config, items: int) -> NDArray[np.float32]:
    """The score of each item by which `topk` would have made popular lists on the day `until`, float32 (items,).

    before: the events then.
    """
    found = popularity(before, until, config.topk.popular_half_life_days).toArrow()
    scores = np.zeros(items, dtype=np.float32)
    scores[found["item"].to_numpy()] = found["score"].to_numpy()
    return scores


def kinds_of(users: "DataFrame", before: "DataFrame", items: int) -> Kinds:
    """The kinds of items and users. users: with `events`, their number. before: the events, with `item`. items: I."""
    from pyspark.sql import functions as F

    counts = before.groupBy("item").agg(F.count("*").alias("n")).toArrow()
    taken = np.zeros(items, dtype=np.int64)
    taken[counts["item"].to_numpy()] = counts["n"].to_numpy()
    light, heavy = users.approxQuantile("events", [1 / 3, 2 / 3], 0.0) or (0.0, 0.0)
    return Kinds(taken == 0, ~head(taken), light, heavy)


def score_users(
    users: "DataFrame",
    contestants: dict[str, Contestant],
    popularity: NDArray[np.float32],
    kinds: Kinds,
    config: Config,
) -> "DataFrame":
    """Table EVALUATION. users: see `measured_users`. contestants: by method. popularity: see `popularities`."""
    task = partial(
        _score,
        contestants=contestants,
        popularity=popularity,
        popular=config.topk.popular,
        kinds=kinds,
        masked=config.topk.bought != "include",
        item_block=config.topk.item_block,
    )
    return users.mapInArrow(measured(task), EVALUATION.ddl)


def _score(
    batches: Batches,
    *,
    contestants: dict[str, Contestant],
    popularity: NDArray[np.float32],
    popular: int,
    kinds: Kinds,
    masked: bool,
    item_block: int,
) -> Batches:
    import pyarrow as pa
    import torch

    torch.set_num_threads(1)
    for batch in batches:
        users = take_users(batch, masked)
        if not users.truth:
            continue
        parts = slices_of(users, kinds)
        ids = users.batch.column("user_id")
        made = lists(users, contestants, popularity, popular, LENGTH, item_block=item_block, device=task_device())
        for method, found in made:
            for part in parts:
                recall, ndcg = measure(found[part.users], part.each)
                about = (pa.array([one] * len(part.users)) for one in (method, part.name))
                columns = [ids.take(pa.array(part.users)), *about]
                yield pa.RecordBatch.from_arrays([*columns, pa.array(recall), pa.array(ndcg)], EVALUATION.columns)


def means(table: "DataFrame") -> list[dict[str, Any]]:
    """The metrics of `metrics.json`: of each method the means over all users. table: EVALUATION."""
    from pyspark.sql import functions as F

    of_all = table.where("slice = 'all'").groupBy("method")
    averages = (F.avg(name).alias(name) for name in ("recall", "ndcg"))
    rows = of_all.agg(*averages, F.count("*").alias("users")).collect()
    return [
        {"method": row["method"], "metric": f"{name}@{LENGTH}", "value": row[name], "users": row["users"]}
        for row in sorted(rows, key=lambda row: METHODS.index(row["method"]))
        for name in ("recall", "ndcg")
    ]
