"""What executors write, the driver must see: both write to the same storage, and no row is lost on the way."""

import shutil
import threading
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import ConfigError, DataError
from jobs.infra.files import spark_path

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, Observation, SparkSession

    from jobs.infra.storage.storage import Storage

DEADLINE = 60.0
"""Seconds for Spark to tell how many rows it wrote, once it has written them."""
MOST_TASKS = 1000
"""Of the probe."""
SHARED = (
    "The folder shop.work must be on storage that the driver and all executors see under this path, such as NFS or a "
    "mounted volume"
)


def write_counted(
    frame: "DataFrame",
    path: Path,
    sorted_by: str | None = None,
    *,
    folders_by: str | None = None,
    driver_reads: bool = True,
) -> int:
    """Write a table as Parquet, and count the rows that the driver finds in it; returns their number.

    path: of a folder, on the driver. Where the work folder is on storage, Spark writes there, and the driver brings the
    table into that folder. sorted_by: the column of which each file is to hold a span. folders_by: the column of whose
    values each has a folder, and which the files do not have. driver_reads: otherwise that folder only says where the
    table is. Raises DataError where rows are missing.
    """
    from pyspark.sql import Observation
    from pyspark.sql import functions as F

    from jobs.infra.storage.notes import write_note
    from jobs.infra.storage.storage import Storage

    counted = Observation()
    if sorted_by:
        frame = frame.orderBy(sorted_by)
    storage = Storage.of(frame.sparkSession)
    place = None if storage is None else storage.new()
    where = spark_path(path) if storage is None or place is None else storage.at(place)
    writer = frame.observe(counted, F.count(F.lit(1)).alias("rows")).write
    (writer.partitionBy(folders_by) if folders_by else writer).parquet(where)
    written = _rows(counted)
    if storage is not None and place is not None:
        if not driver_reads:
            write_note(path, place, ())
            return check_rows(path, written, frame.sparkSession.read.parquet(where).count() if written else 0)
        storage.fetch(place, path)
    return check_rows(path, written, rows_in(path))


def check_rows(path: Path, written: int, found: int) -> int:
    """The rows of a table, as the driver finds them. Raises DataError where executors wrote others."""
    if found != written:
        raise DataError(f"{path}: executors wrote {written:,} rows, and the driver finds {found:,} of them. {SHARED}")
    return found


def rows_in(path: Path) -> int:
    """The rows of all Parquet files below a folder; 0 where it is not there."""
    import pyarrow.parquet as pq

    files = (file for file in path.rglob("*.parquet") if not file.name.startswith((".", "_")))
    return sum(pq.read_metadata(file).num_rows for file in files)


def probe(spark: "SparkSession", folder: Path) -> None:
    """Let executors write to a folder, and look for it from the driver. Within one process nothing can differ.

    Raises ConfigError, naming the folder, where the driver misses a part of what they wrote.
    """
    from jobs.infra.storage.storage import Storage

    context = spark.sparkContext
    if context.master.startswith("local") and not context.master.startswith("local-cluster"):
        return
    tasks = min(MOST_TASKS, max(2, 2 * context.defaultParallelism))
    storage = Storage.of(spark)
    if storage is not None:
        _probe_storage(spark, storage, tasks)
        return
    path = folder / f".probe.{uuid.uuid4().hex[:8]}"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        spark.range(0, tasks, 1, tasks).write.parquet(spark_path(path))
        found = rows_in(path)
    finally:
        shutil.rmtree(path, ignore_errors=True)
    if found != tasks:
        raise ConfigError(f"{folder}: of {tasks} files that executors wrote there, the driver finds {found}. {SHARED}")


def _probe_storage(spark: "SparkSession", storage: "Storage", tasks: int) -> None:
    """Let executors write to storage, the driver look for it, and executors read it."""
    url = storage.at(storage.new())
    try:
        spark.range(0, tasks, 1, tasks).write.parquet(url)
        files = [one for one in storage.hadoop.below(url) if one.name.endswith(".parquet")]
        found = len(files), spark.read.schema("id bigint").parquet(url).count()
    finally:
        storage.hadoop.delete(url)
    if found != (tasks, tasks):
        raise ConfigError(
            f"{storage.url}: of {tasks} files that executors wrote there, the driver finds {found[0]}, and executors "
            f"read {found[1]}. It must be the same storage for the driver and all executors"
        )


def _rows(counted: "Observation") -> int:
    """The number of rows that went to the files. Raises DataError where Spark does not tell it in time."""
    told: dict[str, int] = {}
    thread = threading.Thread(target=lambda: told.update(counted.get), daemon=True)
    thread.start()
    thread.join(DEADLINE)
    if "rows" not in told:
        raise DataError(f"Spark does not tell how many rows it wrote, {DEADLINE:.0f} s after it wrote them; run again")
    return told["rows"]
