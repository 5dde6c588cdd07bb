"""Evaluate: how good the lists would have been on the days held out of training, beside two plain baselines."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config import Config
from jobs.embed_users.histories import histories
from jobs.evaluate.methods import METHODS, lists, take_users
from jobs.evaluate.metrics import measure
from jobs.log import event
from jobs.tables import EVENTS
from jobs.topk.popular import popular as popular_lists
from lookup.encoder import Encoder

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

LENGTH = 20
SUMS = ["method", "users", "recall", "ndcg"]


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Rank all items for every user with events on both sides of the model's last training day; write `metrics.json`.

    The item vectors are those that ship; the users' vectors are made of what came before the held-out days. Where
    topk.bought is not "include", items a user has had are neither listed nor wanted.
    """
    from pyspark.sql import functions as F

    space = config.run.read_json("vectors/space.json")
    until = date.fromisoformat(space["trained_until"])
    events = config.run.read(spark, EVENTS).filter(F.col("weight") > 0)
    truth = events.filter(F.col("day") >= F.lit(until)).groupBy("user_id").agg(F.collect_set("item").alias("truth"))
    before = events.filter(F.col("day") < F.lit(until))
    users = histories(before, until, config.train.max_history).join(truth, "user_id")
    popular = _popular(before, until, config)
    sums = _score(users, popular, config, Encoder.from_json(space["encoder"])).groupBy("method").sum().collect()
    metrics = [
        {"method": r["method"], "metric": f"{name}@{LENGTH}", "value": r[f"sum({name})"] / r["sum(users)"]}
        | {"users": r["sum(users)"]}
        for r in sorted(sums, key=lambda r: METHODS.index(r["method"]))
        for name in ("recall", "ndcg")
    ]
    for m in metrics:
        event("evaluate", "metric", **m)
    if not metrics:
        event("evaluate", "warning", text=f"no user has events both before and since {until}: nothing to measure")
    config.run.write_json(
        "metrics.json", {"since": until.isoformat(), "bought": config.topk.bought, "metrics": metrics}
    )
    ours = {m["metric"]: round(m["value"], 4) for m in metrics if m["method"] == METHODS[0]}
    return {"users": metrics[0]["users"] if metrics else 0, "since": until.isoformat(), **ours}


def _popular(before: "DataFrame", until: date, config: Config) -> np.ndarray:
    """The items of the list "popular" as `topk` would have made it on that day."""
    from pyspark.sql import functions as F

    shop = before.select("item", F.array().cast("array<string>").alias("category")).distinct()
    lists = popular_lists(shop, before, until, config.topk.popular_half_life_days, config.topk.popular)
    return np.asarray(lists.filter("category = ''").first()["items"], dtype=np.int32)


def _score(users: "DataFrame", popular: np.ndarray, config: Config, encoder: Encoder) -> "DataFrame":
    """For each block of users and each method: sums of the metrics, and how many users they are of."""
    folder, item_block, masked = config.run.existing("vectors"), config.topk.item_block, config.topk.bought != "include"

    def score(batches: "Iterator[pa.RecordBatch]") -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa
        import torch

        from jobs.session import task_device

        torch.set_num_threads(1)
        inputs = np.load(folder / "item_input.npy", mmap_mode="r")
        items = np.load(folder / "item_vector.npy", mmap_mode="r")
        for batch in batches:
            users = take_users(batch, inputs, encoder, masked)
            if users.truth:
                device = task_device()
                ranked = lists(users, items, popular, LENGTH, item_block=item_block, device=device)
                rows = [
                    (method, len(users.truth), float(r.sum()), float(n.sum()))
                    for method, found in ranked.items()
                    for r, n in [measure(found, users.truth)]
                ]
                yield pa.RecordBatch.from_arrays([pa.array(c) for c in zip(*rows, strict=True)], SUMS)

    return users.mapInArrow(score, "method string, users bigint, recall double, ndcg double")
