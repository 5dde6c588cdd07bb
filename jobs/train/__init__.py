"""Train: the behaviour model, from the days before the held-out ones, by torch under Spark's `TorchDistributor`."""

import json
import shutil
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jobs.config import Config, Train
from jobs.errors import DataError
from jobs.log import event
from jobs.runs import remove
from jobs.tables import EVENTS, ITEMS, SEQUENCES
from jobs.train import store

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


USERS_A_FILE = 10_000
"""What a process of the fit holds in memory at once."""


def run(spark: "SparkSession", config: Config) -> dict[str, Any]:
    """Fit a model and put it among the models, unless one is young enough and the night is not `full`.

    Raises DataError where no user has events on two days to learn from.
    """
    old = store.newest(config.models, config.date)
    if old is not None and not config.full and (config.date - old.day).days <= config.train.max_age_days:
        event("train", "kept", model=old.id, trained_until=old.trained_until)
        return {"model": old.id, "trained": False}

    until = config.date - timedelta(days=config.train.holdout_days)
    users = _write_sequences(spark, config, until.isoformat())
    if users == 0:
        raise DataError(
            f"no user has events on two days before {until}: nothing to learn from. "
            f"The last {config.train.holdout_days} days (train.holdout_days) are kept for measuring"
        )
    started = time.monotonic()
    new = config.models / f".{config.date}"
    remove(new)
    new.mkdir(parents=True)
    losses = _fit(spark, config, new)
    model_id = _finish(spark, config, new, until.isoformat(), losses)
    shutil.rmtree(config.run.path(SEQUENCES.name))
    return {
        "model": model_id,
        "trained": True,
        "trained_until": until.isoformat(),
        "users": users,
        "loss": round(losses[-1], 4),
        "fit_seconds": round(time.monotonic() - started, 1),
    }


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


def _fit(spark: "SparkSession", config: Config, folder: Path) -> list[float]:
    """Start the processes of the fit; rank 0 leaves `fitted.npz` in the folder."""
    import numpy as np
    from pyspark.ml.torch.distributor import TorchDistributor
    from pyspark.sql import functions as F

    sequences = config.run.read(spark, SEQUENCES)
    counts = sequences.select(F.explode("items").alias("item")).groupBy("item").count().orderBy("item").toArrow()
    np.savez(
        folder / "vocabulary.npz",
        rows=counts["item"].to_numpy().astype(np.int64),
        events=counts["count"].to_numpy().astype(np.float32),
    )
    local = spark.sparkContext.master.startswith("local[")
    gpus = int(spark.conf.get("spark.executor.resource.gpu.amount", "0") or 0) > 0
    distributor = TorchDistributor(num_processes=config.train.processes, local_mode=local, use_gpu=gpus)
    distributor.logger.setLevel("WARNING")  # the fit says itself when it starts and ends
    losses: list[float] = distributor.run(
        fit_process, str(config.run.path(SEQUENCES.name)), str(folder), config.train, gpus
    )
    return losses


def fit_process(sequences: str, folder: str, settings: Train, gpu: bool) -> list[float]:
    """One process of the fit: started by `TorchDistributor`, which sets what torch.distributed reads."""
    import os

    import numpy as np
    import torch
    import torch.distributed as dist

    from jobs.train.fit import fit, save

    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    gpu = gpu and torch.cuda.is_available()
    if together:
        dist.init_process_group("nccl" if gpu else "gloo")
    elif not gpu:  # torchrun leaves one thread to each process; a single one may have them all
        torch.set_num_threads(os.cpu_count() or 1)
    vocabulary = np.load(Path(folder) / "vocabulary.npz")
    files = sorted(Path(sequences).glob("*.parquet"))
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else "cpu"
    model, losses = fit(files, vocabulary["rows"], vocabulary["events"], settings, device)
    if int(os.environ.get("RANK", "0")) == 0:
        save(model, losses, Path(folder) / "fitted.npz")
    if together:
        dist.barrier()
        dist.destroy_process_group()
    return losses


def _finish(spark: "SparkSession", config: Config, new: Path, until: str, losses: list[float]) -> str:
    """Turn the fitted numbers into a model folder, whole from the moment it can be seen; returns the model's id."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.parquet as pq

    from jobs.arrow import list_column

    vocabulary, fitted = np.load(new / "vocabulary.npz"), np.load(new / "fitted.npz")
    rows = pa.table({"item": pa.array(vocabulary["rows"], pa.int32())})
    ids = config.run.read(spark, ITEMS).join(spark.createDataFrame(rows), "item").select("item", "item_id").toArrow()
    ids = ids.sort_by("item")
    (new / "items").mkdir()
    pq.write_table(
        pa.table(
            {
                "item_id": ids["item_id"],
                "input": list_column(fitted["x"]),
                "output": list_column(fitted["y"]),
                "bias": fitted["bias"],
                "events": vocabulary["events"].astype(np.int64),
            }
        ),
        new / "items" / "part-0.parquet",
        row_group_size=65536,
    )
    model_id = f"{config.date}-{store.digest(*(fitted[name] for name in ('x', 'y', 'bias', 'mix', 'power')))}"
    facts = {
        "id": model_id,
        "day": config.date.isoformat(),
        "trained_until": until,
        "dimensions": int(fitted["x"].shape[1]),
        "half_lives": config.train.half_lives,
        "mix": fitted["mix"].tolist(),
        "power": float(fitted["power"]),
        "items": len(ids),
        "losses": losses,
        "settings": dict(vars(config.train)),
    }
    for scratch in ("vocabulary.npz", "fitted.npz"):
        (new / scratch).unlink()
    (new / "model.json").write_text(json.dumps(facts, indent=2, sort_keys=True) + "\n")
    final = config.models / model_id
    remove(final)
    new.rename(final)
    return model_id
