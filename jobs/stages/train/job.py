"""TrainConfig: the behaviour model, from the days before the held-out ones, by torch under Spark's
`TorchDistributor`."""

import shutil
import time
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config.config import Config
from jobs.config.learning import TrainConfig
from jobs.errors import DataError
from jobs.infra.logging import log_line
from jobs.infra.tables import EVENTS, ITEMS, SEQUENCES
from jobs.models.behaviour import model_store as store

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import SparkSession


USERS_A_FILE = 10_000
"""What a process of the fit holds in memory at once."""


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Fit a model and put it among the models, unless one is young enough and the night is not `full`.

    With `warm_start`, and where `train.warm_starts` says so, it continues the newest model with the days since; else,
    and where that is not possible, it is trained from scratch.
    A fit that was killed goes on from its last epoch when the job is run again.

    Raises DataError where no user has events on two days to learn from.
    """
    from jobs.models.attributes import Vocabulary, described, price_bounds

    until = config.date - timedelta(days=config.train.holdout_days)
    old = store.newest(config.models, config.date)
    if old is not None and _young(config, old, until):
        log_line("train", "kept", model=old.id, trained_until=old.trained_until)
        return {"model": old.id, "trained": False}
    old = _continued(config, old, until)
    users = _write_sequences(spark, config, until.isoformat())
    if users == 0:
        raise DataError(
            f"no user has events on two days before {until}: nothing to learn from. "
            f"The last {config.train.holdout_days} days (train.holdout_days) are kept for measuring"
        )
    started = time.monotonic()
    new = config.models / f".{config.date}"
    new.mkdir(parents=True, exist_ok=True)
    seen = _seen(spark, config)
    bounds = price_bounds(seen["price"].to_numpy()) if old is None else old.price_bounds  # what its labels mean
    facts = described(seen, bounds)
    vocabulary = Vocabulary.of(*facts)
    labels = vocabulary.matrix(*facts)
    store.Inputs(seen["item"].to_numpy(), seen["events"].to_numpy(), labels).write(new)
    (new / store.START).unlink(missing_ok=True)  # of a fit that was killed
    if old is not None:
        store.Start.of(old, seen["item_id"].to_pylist(), vocabulary.names, config.train).write(new)
    losses = _fit(spark, config, new)
    about = {
        "day": config.date.isoformat(),
        "trained_until": until.isoformat(),
        "price_bounds": bounds.tolist(),
        "continued_from": old.id if old else None,
        "warm_starts": old.warm_starts + 1 if old else 0,
        "losses": losses,
        "settings": dict(vars(config.train)),
    }
    model_id = store.finish(new, about, seen["item_id"], vocabulary.names)
    shutil.rmtree(config.run.path(SEQUENCES.name))
    return {
        "model": model_id,
        "trained": True,
        "continued_from": about["continued_from"],
        "trained_until": until.isoformat(),
        "users": users,
        "items": len(seen),
        "labels": len(vocabulary.names),
        "loss": round(losses[-1], 4),
        "fit_seconds": round(time.monotonic() - started, 1),
    }


def _young(config: Config, old: store.Model, until: date) -> bool:
    """Whether the night does with the model there is; until: the first day that a new one would not see."""
    if config.warm_start:
        return old.trained_until >= until
    return not config.full and (config.date - old.day).days <= config.train.max_age_days


def _continued(config: Config, old: store.Model | None, until: date) -> store.Model | None:
    """The older model, if the new one, of the days before `until`, is to continue it."""
    if config.full or not (config.warm_start or config.train.warm_starts):
        return None
    if old is None:
        why: str | None = "there is no model yet"
    elif not config.warm_start and old.warm_starts >= config.train.warm_starts:
        why = f"{old.id} was continued {old.warm_starts} times (train.warm_starts)"
    elif old.trained_until >= until:
        why = f"{old.id} knows every day before {until}"
    else:
        why = old.unlike(config.train)
    if old is None or why is not None:
        log_line("train", "from_scratch", why=why)
        return None
    log_line("train", "continues", model=old.id, trained_until=old.trained_until, warm_starts=old.warm_starts + 1)
    return old


def _write_sequences(spark: "SparkSession", config: Config, until: str) -> int:
    """Table `sequences`: the newest events of every user with two days or more; returns how many users."""
    from pyspark.sql import functions as F

    events = config.run.read(spark, EVENTS).filter((F.col("day") < F.lit(until).cast("date")) & (F.col("weight") > 0))
    one = F.struct("time", "item", F.unix_date("day").alias("day"), "weight")
    newest = F.slice(F.sort_array(F.collect_list(one), asc=False), 1, config.train.max_history)
    users = (
        events.groupBy("user_id")
        .agg(F.sort_array(newest).alias("h"), F.countDistinct("day").alias("days"))
        .filter("days > 1")
        .select("user_id", F.col("h.item").alias("items"), F.col("h.day").alias("days"), "h.weight")
        .withColumnRenamed("weight", "weights")
    )
    # A process reads one file at a time, and each must have some; equal nights give equal files.
    known = events.agg(F.approx_count_distinct("user_id")).first()[0]
    files = max(4 * config.train.processes, -(-known // USERS_A_FILE))
    config.run.write(SEQUENCES, users.repartition(files, "user_id").sortWithinPartitions("user_id"))
    return int(config.run.read(spark, SEQUENCES).count())


def _seen(spark: "SparkSession", config: Config) -> "pa.Table":
    """The items that are in the sequences, by row: item, item_id, events there, and what the shop says of them."""
    from pyspark.sql import functions as F

    from jobs.models.attributes import FACTS

    counts = config.run.read(spark, SEQUENCES).select(F.explode("items").alias("item")).groupBy("item")
    events = counts.agg(F.count("*").alias("events"))
    items = config.run.read(spark, ITEMS).select("item", "item_id", *FACTS)
    return events.join(items, "item").orderBy("item").toArrow()


def _fit(spark: "SparkSession", config: Config, folder: Path) -> list[float]:
    """Start the processes of the fit; rank 0 leaves its numbers in the folder."""
    from pyspark.ml.torch.distributor import TorchDistributor

    local = spark.sparkContext.master.startswith("local[")
    gpus = int(spark.conf.get("spark.executor.resource.gpu.amount", "0") or 0) > 0
    distributor = TorchDistributor(num_processes=config.train.processes, local_mode=local, use_gpu=gpus)
    distributor.logger.setLevel("WARNING")  # the fit says itself when it starts and ends
    losses: list[float] = distributor.run(
        fit_process, str(config.run.path(SEQUENCES.name)), str(folder), config.train, gpus
    )
    return losses


def fit_process(sequences: str, folder: str, settings: TrainConfig, gpu: bool) -> list[float]:
    """One process of the fit: started by `TorchDistributor`, which sets what torch.distributed reads."""
    import os

    import torch
    import torch.distributed as dist

    from jobs.models.behaviour.fit import fit_files

    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    gpu = gpu and torch.cuda.is_available()
    if together:
        dist.init_process_group("nccl" if gpu else "gloo")
    elif not gpu:  # torchrun leaves one thread to each process; a single one may have them all
        torch.set_num_threads(os.cpu_count() or 1)
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else "cpu"
    losses = fit_files(sorted(Path(sequences).glob("*.parquet")), Path(folder), settings, device)
    if together:
        dist.barrier()
        dist.destroy_process_group()
    return losses
