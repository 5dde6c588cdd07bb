"""The arrays of users by shards: a task of Spark writes those of a shard."""

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jobs.config.config import Config
from jobs.errors import DataError
from jobs.infra.cluster.written import SHARED
from jobs.infra.frames import shard_of_row
from jobs.infra.receipts.tasks import measured
from jobs.infra.storage.disk import remove
from jobs.infra.storage.storage import Storage
from jobs.infra.tables import USER_AGAIN, USER_TOPK, USER_UNSEEN
from jobs.infra.vector_store import VectorStore
from jobs.releases.arrays.user_arrays import ATTEMPTS, FOLDER, SIZES, USER_LISTS, ShardPlan, shard_sizes
from lookup.release import schema
from lookup.release.arrays import file_name

PRIVATE = 0o077
"""The umask of a task: ids of users are for the owner alone."""

if TYPE_CHECKING:
    from pyspark.sql import Column, SparkSession


def shard_of_user(config: Config) -> "Column | None":
    """The shard of column `user`; None where `[build]` asks for no shards.

    Raises MissingStepError where table USER_VECTORS is not in as many.
    """
    count = config.build.shards
    return shard_of_row("user", shard_sizes(config.run, count)) if count > 1 else None


def write_shards(spark: "SparkSession", config: Config, vectors: VectorStore) -> None:
    """Write the users' arrays of each shard into the run; where `[build]` asks for no shards, remove those of before.

    Tasks of Spark write them side by side; where the work folder is on storage, the driver does, one after the other.

    Raises DataError when the tables do not fit together, or when the driver misses what a task wrote.
    """
    from pyspark.sql import functions as F

    run, count = config.run, config.build.shards
    if count < 2:
        remove(run.path(FOLDER))
        return
    dims = {"D": vectors.dims()["D"]}
    for table in (USER_TOPK, USER_UNSEEN, USER_AGAIN):
        longest = run.read(spark, table).agg(F.max(F.size("items"))).collect()[0][0]
        dims[USER_LISTS[table.name]] = max(longest or 0, 0)  # Spark's size of null is -1
    plan = ShardPlan.of(run, count, dims, vectors.space.space_id)
    with run.replacing(FOLDER) as folder:
        folder.mkdir(mode=0o700)

        def write(shards: Iterator[int]) -> Iterator[tuple[int, dict[str, int]]]:
            os.umask(PRIVATE)
            for shard in shards:
                yield shard, plan.write(folder, shard)

        if Storage.of(spark) is None:
            found = dict(spark.sparkContext.parallelize(range(count), count).mapPartitions(measured(write)).collect())
        else:  # executors do not see this folder; the driver has the tables
            found = dict(write(iter(range(count))))
        for ended in folder.glob(ATTEMPTS):  # of tasks that were killed
            remove(ended)
        names = [array.name for array in schema.ARRAYS if array.of_users]
        for path in (folder / file_name(name, shard) for shard in range(count) for name in names):
            if not path.exists():
                raise DataError(f"{path}: a task wrote it, and the driver does not find it. {SHARED}")
        sizes = {"dims": dims, "shards": [found[shard] for shard in range(count)]}
        (folder / SIZES).write_text(json.dumps(sizes, indent=2) + "\n")
