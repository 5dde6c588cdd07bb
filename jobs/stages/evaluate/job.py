"""Evaluate: measure the lists on held-out days, beside those of the incumbent and of three baselines."""

from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.infra.storage.disk import remove
from jobs.infra.tables import CHALLENGER, EVALUATION, EVENTS, INCUMBENT
from jobs.infra.vector_store import VectorStore
from jobs.stages.evaluate.contestants import Contestant
from jobs.stages.evaluate.incumbent import prepare
from jobs.stages.evaluate.spark import item_ids, kinds_of, means, measured_users, popularities, score_users

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Rank all items for the users with events before and since the end of training, and compare with what they took.

    It writes table `evaluation`, and `metrics.json`. Item vectors are those of the new release, and those of the
    incumbent. User vectors come from the events before the held-out days. Unless topk.bought is "include", items that a
    user has bought before are neither listed nor wanted. Of many users it measures a sample (validate.sample_users).
    """
    vectors = VectorStore.of(config.run)
    until = vectors.space.trained_until
    events = config.run.read(spark, EVENTS).filter("weight > 0")
    before = events.filter(events["day"] < until)
    users = measured_users(events, until, config).persist()
    contestants = {CHALLENGER: Contestant(vectors, vectors.score_parameters)}
    folder = config.run.path(".incumbent")
    remove(folder)
    try:
        found = prepare(config.releases, item_ids(spark, config), until, folder)
        if found is not None:
            contestants[INCUMBENT] = Contestant(VectorStore(folder), found[1])
        kinds = kinds_of(users, before, vectors.space.items)
        popularity = popularities(before, until, config, vectors.space.items)
        scores = score_users(users, contestants, popularity, kinds, config)
        config.run.write(EVALUATION, scores)
    finally:
        remove(folder)
        users.unpersist()
    metrics = means(config.run.read(spark, EVALUATION))
    for metric in metrics:
        log_line("evaluate", "metric", **metric)
    if not metrics:
        log_line("evaluate", "warning", text=f"no user has events both before and since {until}: nothing to measure")
    about = {"since": until.isoformat(), "bought": config.topk.bought, "incumbent": found[0] if found else None}
    config.run.write_json("metrics.json", {**about, "metrics": metrics})
    ours = {m["metric"]: round(m["value"], 4) for m in metrics if m["method"] == CHALLENGER}
    return {"users": metrics[0]["users"] if metrics else 0, **about, **ours}
