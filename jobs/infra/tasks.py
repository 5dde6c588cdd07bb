"""Around the tasks of a Spark job: how many there should be, what one may use, and how far they are."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs.infra.logging import log_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WAVES = 4
"""Tasks a core, so that one slow task at the end does not keep the others waiting for long."""


def partitions(spark: "SparkSession", rows: int, block: int) -> int:
    """How many partitions to cut `rows` rows into: a multiple of the cores, but not many more than blocks of rows."""
    cores: int = spark.sparkContext.defaultParallelism
    blocks = max(1, -(-rows // block))
    return min(WAVES * cores, -(-blocks // cores) * cores)


def task_threads() -> int:
    """How many threads the running Spark task may use (`spark.task.cpus`); called inside a task."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return context.cpus() if context is not None else 1


@contextmanager
def watching(spark: "SparkSession", job: str, what: str, every: float = 5.0) -> Iterator[None]:
    """Say every few seconds how many tasks of the running stages are done, while the block runs.

    What tasks print stays on their machines; the driver knows how many have ended.
    """
    tracker = spark.sparkContext.statusTracker()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            for stage in tracker.getActiveStageIds():
                info = tracker.getStageInfo(stage)
                if info is not None:
                    done, running = info.numCompletedTasks, info.numActiveTasks
                    log_line(job, what, tasks_done=done, of=info.numTasks, running=running)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
