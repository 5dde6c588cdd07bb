"""The Spark session of a night, and the device that Spark lends to a task."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOGGING = Path(__file__).with_name("log4j2.properties")

DEFAULTS = {
    "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={LOGGING.as_uri()}",
    "spark.driver.memory": "2g",
    "spark.executor.memory": "2g",
    "spark.sql.session.timeZone": "UTC",
    # A value that cannot be read becomes null. Its row goes to quarantine, and the night goes on.
    "spark.sql.ansi.enabled": "false",
    "spark.sql.legacy.parquet.nanosAsLong": "true",
    "spark.sql.shuffle.partitions": "8",
    "spark.sql.execution.arrow.pyspark.enabled": "true",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "4096",
    "spark.sql.sources.partitionOverwriteMode": "static",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.log.level": "ERROR",
}
"""Settings of a night. Those of spark-submit beat them, and those of the configuration beat both."""


def open_session(master: str | None, settings: dict[str, str]) -> "SparkSession":
    """The Spark session of this process.

    master: such as `local[*]`; None under spark-submit, which brings its own. settings: `[spark]` of the configuration.
    """
    from pyspark import SparkConf
    from pyspark.sql import SparkSession

    # Executors must run the Python that has torch and transformers, not the first one on their PATH.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    # Workers on this machine are processes of their own. They must find the packages where this process finds them.
    root = str(Path(__file__).resolve().parents[2])
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys([root, *os.environ.get("PYTHONPATH", root).split(":")]))
    submitted = SparkConf()
    builder = SparkSession.builder.appName("daybreak")
    if master is not None:
        builder = builder.master(master)
    for key, value in DEFAULTS.items():
        if submitted.get(key) is None:
            builder = builder.config(key, value)
    for key, value in settings.items():
        builder = builder.config(key, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def task_device() -> str:
    """The torch device of the running Spark task: `cuda:N` where Spark lent it GPU N and torch finds it, else `cpu`.

    Call it inside a task. A task without a lent GPU computes on the CPU even where the machine has a GPU: otherwise
    tasks would crowd onto a device that Spark lent to another.
    """
    import torch
    from pyspark import TaskContext

    address = lent_gpu(TaskContext.get())
    if address is None or not torch.cuda.is_available() or int(address) >= torch.cuda.device_count():
        return "cpu"
    return f"cuda:{address}"


def lent_gpu(context: object) -> str | None:
    """The address of the GPU that Spark lent to this task (`TaskContext.resources()`), or None."""
    resources = context.resources() if context is not None else {}  # type: ignore[attr-defined]
    return resources["gpu"].addresses[0] if "gpu" in resources else None
