"""Job `train_ranker`: impressions and their outcomes -> the weights by which a release ranks candidates.

The behaviour model's scores are too good on the days that it was fitted to. So the ranker learns from later days. The
last `ranker.measured_days` are held out to measure it. A night keeps a ranker that is young enough.
"""

from dataclasses import asdict
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.infra.storage.disk import remove
from jobs.infra.tables import IMPRESSIONS
from jobs.infra.vector_store import VectorStore
from jobs.models.ranker.kept_ranker import KeptRanker, fingerprint, keep, newest
from jobs.models.ranker.ranker_store import FOLDER, write_ranker
from jobs.models.ranker.samples import RankerSample, read_sample
from jobs.stages.train_ranker.spark.facts import usual_prices
from jobs.stages.train_ranker.spark.impressions import write_impressions
from lookup.scoring.features import NAMES
from lookup.scoring.ranker import Weights

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Write table `impressions` and the folder `ranker`; neither where the shop has no impressions, or too few.

    Where a ranker of these settings and vectors is at most `ranker.max_age_days` old, and the night is not `full`, it
    is kept, and no impressions are drawn; the usual prices are those of the night all the same. Raises MissingStepError
    when ingest or embed_items has not run.
    """
    from jobs.models.ranker.learn import ENOUGH, choose

    for name in (FOLDER, IMPRESSIONS.name):
        remove(config.run.path(name))
    until = VectorStore.of(config.run).space.trained_until
    known_by = fingerprint(_facts(config))
    kept = None if config.full else newest(config.work, config.date, known_by, config.ranker.max_age_days)
    if kept is not None and config.impressions:
        log_line("train_ranker", "kept", fitted=kept.about["fitted"])
        return _write(spark, config, kept, trained=False)
    since = max(until, config.run.day - timedelta(days=config.ranker.days))
    measured = config.run.day - timedelta(days=config.ranker.measured_days)
    if not config.impressions:
        return _no_ranker("there are no [[impressions]]")
    if since >= measured:
        return _no_ranker(
            f"the behaviour model has seen the days before {since}, and those from {measured} are for measuring"
        )
    counts = write_impressions(spark, config, since)
    log_line("train_ranker", "impressions", **{name.replace(" ", "_"): n for name, n in counts.items()})
    sample, days = read_sample(config.run.existing(IMPRESSIONS.name))
    early = days < np.datetime64(measured)
    learned, held_out = sample.where(early), sample.where(~early)
    if learned.least() < ENOUGH:
        return _no_ranker(
            f"only {learned.least()} impressions were bought, or clicked only, from {since} to {measured}"
        )
    chosen = choose(learned, config.ranker.hidden, config.ranker.seed)
    hidden = chosen.weights.hidden.shape[1]
    log_line("train_ranker", "chosen", hidden=hidden, **{f"loss_with_{n}": lost for n, lost in chosen.losses.items()})
    metrics = _measured(chosen.weights, learned, held_out, measured)
    about = {
        "fitted": config.date.isoformat(),
        "features": list(NAMES),
        "hidden": hidden,
        "learned_since": since.isoformat(),
        "measured_since": measured.isoformat(),
        "engagement": config.ranker.engagement,
        "impressions": counts,
    }
    made = KeptRanker(chosen.weights, about, metrics)
    keep(config.work, config.date, known_by, made)
    return {**_write(spark, config, made, trained=True), "sampled": len(days)}


def _facts(config: Config) -> dict[str, Any]:
    """What a ranker depends on beside the rows of the run and the features."""
    ranker = {name: value for name, value in asdict(config.ranker).items() if name != "max_age_days"}
    return {
        "space": VectorStore.of(config.run).space.space_id,
        "ranker": ranker,
        "impressions": [asdict(one) for one in config.impressions],
        "events": [asdict(one) for one in config.events],
        "weights": config.weights,
        "popular_half_life_days": config.topk.popular_half_life_days,
        "max_history": config.train.max_history,
    }


def _write(spark: "SparkSession", config: Config, ranker: KeptRanker, trained: bool) -> dict[str, Any]:
    """Write the folder `ranker`; returns what the receipt says of it. trained: in this very job."""
    with config.run.replacing(FOLDER) as folder:
        write_ranker(folder, ranker.weights, usual_prices(spark, config), ranker.about, ranker.metrics)
    reached = {row["metric"]: round(row["value"], 5) for row in ranker.metrics if row["method"] == "ranker"}
    values = {name.replace(" ", "_"): value for name, value in reached.items()}
    known = {"ranker": True, "trained": trained, "fitted": ranker.about["fitted"], "hidden": ranker.about["hidden"]}
    return {**known, **values}


def _no_ranker(why: str) -> dict[str, Any]:
    log_line("train_ranker", "no ranker", why=why)
    return {"ranker": False}


def _measured(weights: Weights, learned: RankerSample, held_out: RankerSample, since: date) -> list[dict[str, Any]]:
    """Return the ranker's metrics on held-out days; none where a kind of impression is missing."""
    from jobs.evaluation.ranker_metrics import measure

    if not held_out.least():
        log_line("train_ranker", "not measured", why=f"no impression bought, or none clicked only, since {since}")
    else:
        return measure(weights, learned, held_out)
    return []
