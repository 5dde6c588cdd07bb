"""Job `train_ranker`: impressions and their outcomes -> the weights by which a release ranks candidates.

The behaviour model's scores are too good on the days that it was fitted to. So the ranker learns from later days. The
last `ranker.measured_days` are held out to measure it.
"""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.infra.storage.disk import remove
from jobs.infra.tables import IMPRESSIONS
from jobs.infra.vector_store import VectorStore
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

    Raises MissingStepError when ingest or embed_items has not run.
    """
    from jobs.models.ranker.learn import ENOUGH, choose

    for name in (FOLDER, IMPRESSIONS.name):
        remove(config.run.path(name))
    until = VectorStore.of(config.run).space.trained_until
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
        "features": list(NAMES),
        "hidden": hidden,
        "learned_since": since.isoformat(),
        "measured_since": measured.isoformat(),
        "engagement": config.ranker.engagement,
        "impressions": counts,
    }
    with config.run.replacing(FOLDER) as folder:
        write_ranker(folder, chosen.weights, usual_prices(spark, config), about, metrics)
    reached = {row["metric"]: round(row["value"], 5) for row in metrics if row["method"] == "ranker"}
    values = {name.replace(" ", "_"): value for name, value in reached.items()}
    return {"ranker": True, "hidden": hidden, "sampled": len(days), **values}


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
