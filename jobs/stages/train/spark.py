"""The Spark layer of `train`: the sequences of users, the items in them, and the processes of the fit."""

from pathlib import Path
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.config.learning import TrainConfig
from jobs.infra.tables import EVENTS, ITEMS, SEQUENCES

if TYPE_CHECKING:
    import pyarrow as pa
    from pyspark.sql import DataFrame, SparkSession

USERS_A_FILE = 10_000
"""A process of the fit holds the users of one file in memory."""


def write_sequences(spark: "SparkSession", config: Config, until: str) -> int:
    """Write table `sequences`: the newest events before `until` of every user with two days or more.

    Returns the number of users.
    """
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
    # A process reads one file at a time, and each process must have some. Equal nights give equal files.
    known = events.agg(F.approx_count_distinct("user_id")).first()[0]
    files = max(4 * config.train.processes, -(-known // USERS_A_FILE))
    config.run.write(SEQUENCES, users.repartition(files, "user_id").sortWithinPartitions("user_id"))
    return int(config.run.read(spark, SEQUENCES).count())


def items_of(spark: "SparkSession", config: Config, events: "DataFrame") -> "pa.Table":
    """Read the items of some events, by row: item, item_id, the number of their events, and the item's FACTS.

    events: with the column `item`.
    """
    from pyspark.sql import functions as F

    from jobs.models.attributes import FACTS

    counts = events.groupBy("item").agg(F.count("*").alias("events"))
    items = config.run.read(spark, ITEMS).select("item", "item_id", *FACTS)
    return counts.join(items, "item").orderBy("item").toArrow()


def fit_distributed(spark: "SparkSession", config: Config, folder: Path) -> list[float]:
    """Run the processes of the fit; rank 0 writes its numbers to the folder. Returns the loss of every epoch."""
    from pyspark.ml.torch.distributor import TorchDistributor

    local = spark.sparkContext.master.startswith("local[")
    gpus = int(spark.conf.get("spark.executor.resource.gpu.amount", "0") or 0) > 0
    distributor = TorchDistributor(num_processes=config.train.processes, local_mode=local, use_gpu=gpus)
    distributor.logger.setLevel("WARNING")  # the fit itself logs its start and end
    losses: list[float] = distributor.run(
        fit_process, str(config.run.path(SEQUENCES.name)), str(folder), config.train, gpus
    )
    return losses


def fit_process(sequences: str, folder: str, settings: TrainConfig, gpu: bool) -> list[float]:
    """Run one process of the fit. `TorchDistributor` starts it and sets what torch.distributed reads."""
    import os

    import torch
    import torch.distributed as dist

    from jobs.models.behaviour.fit import fit_files

    together = int(os.environ.get("WORLD_SIZE", "1")) > 1
    gpu = gpu and torch.cuda.is_available()
    if together:
        dist.init_process_group("nccl" if gpu else "gloo")
    elif not gpu:  # torchrun leaves one thread to each process; a single process may use all cores
        torch.set_num_threads(os.cpu_count() or 1)
    device = f"cuda:{os.environ.get('LOCAL_RANK', '0')}" if gpu else "cpu"
    losses = fit_files(sorted(Path(sequences).glob("*.parquet")), Path(folder), settings, device)
    if together:
        dist.barrier()
        dist.destroy_process_group()
    return losses
