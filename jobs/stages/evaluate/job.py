"""Evaluate: how good the lists would have been on the days held out of training, beside the release in place and two
plain baselines.
"""

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.evaluation.metrics.ranking import measure
from jobs.infra.frames import histories, popularity
from jobs.infra.frames import popular as popular_lists
from jobs.infra.logging import log_line
from jobs.infra.runs import remove
from jobs.infra.tables import EVALUATION, EVENTS, ITEMS
from jobs.stages.evaluate.contestants import IN_PLACE, METHODS, OURS, Contestant, lists, take_users
from jobs.stages.evaluate.incumbent import prepare
from jobs.stages.evaluate.spark import Kinds, kinds_of, slices_of
from lookup.scoring.score_parameters import ScoreParameters

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

Batches = Iterator["pa.RecordBatch"]

LENGTH = 20


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Rank all items for users with events on both sides of the model's last training day.

    Writes table `evaluation`, and `metrics.json`. The item vectors are those that ship, and those of the release in
    place; the users' vectors are made of what came before the held-out days. Where topk.bought is not "include", items
    a user has had are neither listed nor wanted. Of many users a sample is measured (validate.sample_users).
    """
    from pyspark.sql import functions as F

    space = config.run.read_json("vectors/space.json")
    until = date.fromisoformat(space["trained_until"])
    events = config.run.read(spark, EVENTS).filter(F.col("weight") > 0)
    truth = events.filter(F.col("day") >= F.lit(until)).groupBy("user_id").agg(F.collect_set("item").alias("truth"))
    before = events.filter(F.col("day") < F.lit(until))
    users = histories(before, until, config.train.max_history).join(truth, "user_id")
    users = _sample(users, config.validate.sample_users).persist()
    contestants = {OURS: Contestant(config.run.existing("vectors"), ScoreParameters.from_json(space["encoder"]))}
    folder = config.run.path(".in_place")
    remove(folder)
    try:
        found = prepare(config.releases, _item_ids(spark, config), until, folder)
        if found is not None:
            contestants[IN_PLACE] = Contestant(folder, found[1])
        task = partial(
            _score,
            contestants=contestants,
            popular=_popular(before, until, config),
            kinds=kinds_of(users, before, space["items"]),
            masked=config.topk.bought != "include",
            item_block=config.topk.item_block,
        )
        config.run.write(EVALUATION, users.mapInArrow(task, EVALUATION.ddl))
    finally:
        remove(folder)
        users.unpersist()
    metrics = _means(config.run.read(spark, EVALUATION))
    for m in metrics:
        log_line("evaluate", "metric", **m)
    if not metrics:
        log_line("evaluate", "warning", text=f"no user has events both before and since {until}: nothing to measure")
    about = {"since": until.isoformat(), "bought": config.topk.bought, "in_place": found[0] if found else None}
    config.run.write_json("metrics.json", {**about, "metrics": metrics})
    ours = {m["metric"]: round(m["value"], 4) for m in metrics if m["method"] == OURS}
    return {"users": metrics[0]["users"] if metrics else 0, **about, **ours}


def _sample(users: "DataFrame", most: int) -> "DataFrame":
    """At most about so many of the users, always the same ones."""
    from pyspark.sql import functions as F

    count = users.count()
    if count <= most:
        return users
    return users.filter(F.pmod(F.xxhash64("user_id"), F.lit(1_000_000)) < int(most / count * 1_000_000))


def _item_ids(spark: "SparkSession", config: Config) -> list[str]:
    items = config.run.read(spark, ITEMS).select("item", "item_id").toArrow().sort_by("item")
    ids: list[str] = items["item_id"].to_pylist()
    return ids


def _popular(before: "DataFrame", until: date, config: Config) -> NDArray[np.int32]:
    """The items of the list "popular" as `topk` would have made it on that day."""
    from pyspark.sql import functions as F

    shop = before.select("item", F.array().cast("array<string>").alias("category")).distinct()
    scores = popularity(before, until, config.topk.popular_half_life_days)
    lists = popular_lists(shop, scores, config.topk.popular)
    return np.asarray(lists.filter("category = ''").first()["items"], dtype=np.int32)


def _score(
    batches: Batches,
    *,
    contestants: dict[str, Contestant],
    popular: NDArray[np.int32],
    kinds: Kinds,
    masked: bool,
    item_block: int,
) -> Batches:
    """The rows of table `evaluation` of some users."""
    import pyarrow as pa
    import torch

    from jobs.infra.spark import task_device

    torch.set_num_threads(1)
    for batch in batches:
        users = take_users(batch, masked)
        if not users.truth:
            continue
        parts = slices_of(users, kinds)
        ids = users.batch.column("user_id")
        made = lists(users, contestants, popular, LENGTH, item_block=item_block, device=task_device())
        for method, found in made:
            for part in parts:
                recall, ndcg = measure(found[part.users], part.each)
                about = (pa.array([one] * len(part.users)) for one in (method, part.name))
                columns = [ids.take(pa.array(part.users)), *about]
                yield pa.RecordBatch.from_arrays([*columns, pa.array(recall), pa.array(ndcg)], EVALUATION.columns)


def _means(table: "DataFrame") -> list[dict[str, Any]]:
    """What `metrics.json` says: the means over users of each method, over everything."""
    from pyspark.sql import functions as F

    of_all = table.where("slice = 'all'").groupBy("method")
    means = (F.avg(name).alias(name) for name in ("recall", "ndcg"))
    rows = of_all.agg(*means, F.count("*").alias("users")).collect()
    return [
        {"method": row["method"], "metric": f"{name}@{LENGTH}", "value": row[name], "users": row["users"]}
        for row in sorted(rows, key=lambda row: METHODS.index(row["method"]))
        for name in ("recall", "ndcg")
    ]
