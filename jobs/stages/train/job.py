"""Job `train`: the behaviour model, fitted to the days before the held-out ones by torch under `TorchDistributor`."""

import shutil
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.errors import DataError
from jobs.infra.logging import log_line
from jobs.infra.tables import SEQUENCES
from jobs.models.behaviour.continuation import is_recent, model_to_continue
from jobs.models.behaviour.model_store import START, Inputs, Start, finish, newest
from jobs.stages.train.spark import fit_distributed, items_in_sequences, write_sequences

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Fit a model and put it among the models, unless the newest one is recent enough and the night is not `full`.

    With `warm_start`, or where `train.warm_starts` says so, the new model continues the newest one with the days since
    then. Otherwise, and where that is not possible, training starts from scratch. A fit that was killed continues from
    its last epoch when the job runs again.

    Raises DataError when no user has events on two days to learn from.
    """
    from jobs.models.attributes import Vocabulary, item_attributes, price_bounds

    until = config.date - timedelta(days=config.train.holdout_days)
    old = newest(config.models, config.date)
    if old is not None and is_recent(config, old, until):
        log_line("train", "kept", model=old.id, trained_until=old.trained_until)
        return {"model": old.id, "trained": False}
    old = model_to_continue(config, old, until)
    users = write_sequences(spark, config, until.isoformat())
    if users == 0:
        raise DataError(
            f"no user has events on two days before {until}: nothing to learn from. "
            f"The last {config.train.holdout_days} days (train.holdout_days) are held out for measuring"
        )
    started = time.monotonic()
    folder = config.models / f".{config.date}"
    folder.mkdir(parents=True, exist_ok=True)
    items = items_in_sequences(spark, config)
    # The price attributes of a continued model keep their meaning.
    bounds = price_bounds(items["price"].to_numpy()) if old is None else old.price_bounds
    facts = item_attributes(items, bounds)
    vocabulary = Vocabulary.of(*facts)
    Inputs(items["item"].to_numpy(), items["events"].to_numpy(), vocabulary.matrix(*facts)).write(folder)
    (folder / START).unlink(missing_ok=True)  # a fit that was killed may have left one
    if old is not None:
        Start.of(old, items["item_id"].to_pylist(), vocabulary.names, config.train).write(folder)
    losses = fit_distributed(spark, config, folder)
    about = {
        "day": config.date.isoformat(),
        "trained_until": until.isoformat(),
        "price_bounds": bounds.tolist(),
        "continued_from": old.id if old else None,
        "warm_starts": old.warm_starts + 1 if old else 0,
        "losses": losses,
        "settings": dict(vars(config.train)),
    }
    model_id = finish(folder, about, items["item_id"], vocabulary.names)
    shutil.rmtree(config.run.path(SEQUENCES.name))
    return {
        "model": model_id,
        "trained": True,
        "continued_from": about["continued_from"],
        "trained_until": until.isoformat(),
        "users": users,
        "items": len(items),
        "labels": len(vocabulary.names),
        "loss": round(losses[-1], 4),
        "fit_seconds": round(time.monotonic() - started, 1),
    }
