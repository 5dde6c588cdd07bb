"""The tasks of a Spark job: how many to make, how many threads one may use, and how far they are."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from jobs.infra.logging import log_line

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WAVES = 4
"""Tasks for each core, so that the cores do not wait long for one slow task at the end."""
DEADLINE = 10.0
"""Seconds that the end of `watching` waits for a question to Spark that is still open."""


def partitions(spark: "SparkSession", rows: int, block: int) -> int:
    """The number of partitions for `rows` rows: a multiple of the cores, hardly more than there are blocks of rows."""
    cores: int = spark.sparkContext.defaultParallelism
    blocks = max(1, -(-rows // block))
    return min(WAVES * cores, -(-blocks // cores) * cores)


def task_threads() -> int:
    """The number of threads that the running Spark task may use (`spark.task.cpus`). Call it inside a task."""
    from pyspark import TaskContext

    context = TaskContext.get()
    return context.cpus() if context is not None else 1


@contextmanager
def watching(spark: "SparkSession", job: str, what: str, every: float = 5.0) -> Iterator[None]:
    """Log every few seconds how many tasks of the running stages are done, while the block runs.

    Tasks print on their own machines; the driver only knows how many of them have ended.
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
        # A Spark that no longer answers must not keep the job from ending; the thread is a daemon.
        thread.join(DEADLINE)
