"""Train the ranker: impressions and what came of them -> the weights by which a release ranks candidates.

The behaviour model's scores of days that it was fitted to look better than they are by day. So the ranker learns from
the days after those, less the last `ranker.measured_days`, on which it is measured.
"""

import json
from datetime import date, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from jobs.config.config import Config
from jobs.infra.logging import log_line
from jobs.infra.runs import remove
from jobs.infra.tables import EVENTS, IMPRESSIONS, ITEMS
from lookup.scoring.features import NAMES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from jobs.models.ranker.learn import RankerSample


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Write table `impressions` and the folder `ranker`; neither where the shop has no impressions, or too few.

    Raises MissingStepError when ingest or embed_items has not run.
    """
    from jobs.evaluation.ranker_metrics import measure
    from jobs.models.ranker.learn import ENOUGH, FOLDER, choose
    from jobs.stages.train_ranker.spark.impressions import write_impressions

    for name in (FOLDER, IMPRESSIONS.name):
        remove(config.run.path(name))
    until = date.fromisoformat(config.run.read_json("vectors/space.json")["trained_until"])
    since = max(until, config.date - timedelta(days=config.ranker.days))
    measured = config.date - timedelta(days=config.ranker.measured_days)
    if not config.impressions:
        return _none("there are no [[impressions]]")
    if since >= measured:
        return _none(
            f"the behaviour model has seen the days before {since}, and those from {measured} are for measuring"
        )
    counts = write_impressions(spark, config, since)
    sample, days = _read(config)
    early = days < np.datetime64(measured)
    learned, held_out = sample.where(early), sample.where(~early)
    log_line("train_ranker", "impressions", **{name.replace(" ", "_"): n for name, n in counts.items()})
    if learned.least() < ENOUGH:
        return _none(f"only {learned.least()} impressions were bought, or clicked only, from {since} to {measured}")
    chosen = choose(learned, config.ranker.hidden, config.ranker.seed)
    hidden = chosen.weights.hidden.shape[1]
    log_line("train_ranker", "chosen", hidden=hidden, **{f"loss_with_{n}": lost for n, lost in chosen.losses.items()})
    metrics: list[dict[str, Any]] = []
    if find_spec("sklearn") is None:
        log_line("train_ranker", "not measured", why="scikit-learn is not installed: pip install 'daybreak[evaluate]'")
    elif not held_out.least():
        log_line("train_ranker", "not measured", why=f"no impression bought, or none clicked only, since {measured}")
    else:
        metrics = measure(chosen.weights, learned, held_out)
    about = {
        "features": list(NAMES),
        "hidden": hidden,
        "learned_since": since.isoformat(),
        "measured_since": measured.isoformat(),
        "engagement": config.ranker.engagement,
        "impressions": counts,
    }
    with config.run.replacing(FOLDER) as folder:
        folder.mkdir()
        np.save(folder / "ranker.npy", chosen.weights.flat())
        np.save(folder / "usual_price.npy", _usual_prices(spark, config))
        (folder / "ranker.json").write_text(json.dumps({"about": about, "metrics": metrics}, indent=2) + "\n")
    said = {row["metric"]: round(row["value"], 5) for row in metrics if row["method"] == "ranker"}
    return {"ranker": True, "hidden": hidden, "sampled": len(days), **{k.replace(" ", "_"): v for k, v in said.items()}}


def _none(why: str) -> dict[str, Any]:
    log_line("train_ranker", "no ranker", why=why)
    return {"ranker": False}


def _read(config: Config) -> "tuple[RankerSample, NDArray[np.datetime64]]":
    """Table `impressions`, in an order that does not depend on how it was written, and the day of each."""
    import polars as pl
    import pyarrow.dataset as ds

    from jobs.models.ranker.learn import RankerSample

    columns = ["user_id", "item", "time", "clicked", "converted", "weight", "features"]
    table = ds.dataset(config.run.existing(IMPRESSIONS.name), format="parquet").to_table(columns=columns)
    frame = pl.DataFrame(pl.from_arrow(table)).sort("user_id", "item", "time")
    sample = RankerSample(
        features=frame["features"].explode().to_numpy().reshape(-1, len(NAMES)),
        clicked=frame["clicked"].to_numpy(),
        converted=frame["converted"].to_numpy(),
        weights=frame["weight"].to_numpy(),
        users=frame["user_id"].rank("dense").to_numpy().astype(np.int64),
    )
    return sample, frame["time"].dt.date().to_numpy()


def _usual_prices(spark: "SparkSession", config: Config) -> NDArray[np.float32]:
    """What each item costs when nothing is taken off, as of the night, (I,); NaN where unknown."""
    from pyspark.sql import functions as F

    from jobs.stages.train_ranker.spark.facts import facts

    night = config.run.read(spark, ITEMS).select("item", F.lit(config.date).alias("day"))
    events = config.run.read(spark, EVENTS).filter(F.col("weight") > 0)
    known = facts(events, night, config.ranker, config.topk.popular_half_life_days, config.date)
    table = known.select("item", F.col("usual_price").cast("float")).toArrow().sort_by("item")
    prices: NDArray[np.float32] = table["usual_price"].to_numpy().astype(np.float32)
    return prices
