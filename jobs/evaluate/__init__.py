"""Evaluate: how good the lists would have been on the days held out of training, beside the release in place and two
plain baselines.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.config import Config
from jobs.embed_users.histories import histories
from jobs.evaluate.in_place import prepare
from jobs.evaluate.methods import IN_PLACE, METHODS, OURS, Contestant, Users, lists, take_users
from jobs.evaluate.metrics import measure
from jobs.evaluate.slices import head
from jobs.log import event
from jobs.runs import remove
from jobs.tables import EVALUATION, EVENTS, ITEMS
from jobs.topk.popular import popular as popular_lists
from lookup.encoder import Encoder

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
    contestants = {OURS: Contestant(config.run.existing("vectors"), Encoder.from_json(space["encoder"]))}
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
            parts=_parts(users, before, space["items"]),
            masked=config.topk.bought != "include",
            item_block=config.topk.item_block,
        )
        config.run.write(EVALUATION, users.mapInArrow(task, EVALUATION.ddl))
    finally:
        remove(folder)
        users.unpersist()
    metrics = _means(config.run.read(spark, EVALUATION))
    for m in metrics:
        event("evaluate", "metric", **m)
    if not metrics:
        event("evaluate", "warning", text=f"no user has events both before and since {until}: nothing to measure")
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
    lists = popular_lists(shop, before, until, config.topk.popular_half_life_days, config.topk.popular)
    return np.asarray(lists.filter("category = ''").first()["items"], dtype=np.int32)


@dataclass(frozen=True)
class Parts:
    """What says in which slices a user and a wanted item are."""

    new: NDArray[np.bool_]
    """(I,): items without an event before the held-out days."""
    tail: NDArray[np.bool_]
    """(I,): items outside the most popular that hold most events."""
    light: float
    """The lowest third of the users have at most so many events."""
    heavy: float
    """The highest third have more."""


def _parts(users: "DataFrame", before: "DataFrame", items: int) -> Parts:
    from pyspark.sql import functions as F

    counts = before.groupBy("item").agg(F.count("*").alias("n")).toArrow()
    taken = np.zeros(items, dtype=np.int64)
    taken[counts["item"].to_numpy()] = counts["n"].to_numpy()
    light, heavy = users.approxQuantile("events", [1 / 3, 2 / 3], 0.0) or (0.0, 0.0)
    return Parts(taken == 0, ~head(taken), light, heavy)


def _score(
    batches: Batches,
    *,
    contestants: dict[str, Contestant],
    popular: NDArray[np.int32],
    parts: Parts,
    masked: bool,
    item_block: int,
) -> Batches:
    """The rows of table `evaluation` of some users."""
    import pyarrow as pa
    import torch

    from jobs.session import task_device

    torch.set_num_threads(1)
    for batch in batches:
        users = take_users(batch, masked)
        if not users.truth:
            continue
        slices = list(_slices(users, parts))
        ids = users.batch.column("user_id")
        made = lists(users, contestants, popular, LENGTH, item_block=item_block, device=task_device())
        for method, found in made:
            for name, rows, truth in slices:
                recall, ndcg = measure(found[rows], truth)
                columns = [ids.take(pa.array(rows)), *(pa.array([one] * len(rows)) for one in (method, name))]
                yield pa.RecordBatch.from_arrays([*columns, pa.array(recall), pa.array(ndcg)], EVALUATION.columns)


def _slices(users: Users, parts: Parts) -> Iterator[tuple[str, NDArray[np.int64], list[NDArray[np.int32]]]]:
    """Of each slice that is not empty: its name, which users are in it, and what of theirs is wanted."""
    events, bought = users.batch.column("events").to_numpy(), users.batch.column("bought").to_pylist()
    everyone = [np.ones(len(truth), dtype=bool) for truth in users.truth]
    kept = {
        "all": everyone,
        "new items": [parts.new[truth] for truth in users.truth],
        "long tail": [parts.tail[truth] for truth in users.truth],
        "never had": [~np.isin(truth, had) for truth, had in zip(users.truth, bought, strict=True)],
        "light users": [one & (n <= parts.light) for one, n in zip(everyone, events, strict=True)],
        "heavy users": [one & (n > parts.heavy) for one, n in zip(everyone, events, strict=True)],
    }
    for name, masks in kept.items():
        rows = np.flatnonzero([mask.any() for mask in masks])
        if len(rows):
            yield name, rows, [users.truth[row][masks[row]] for row in rows]


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
