"""How long functions of Daybreak run in Spark's tasks, and what their Python workers take.

Each function that a stage ships to tasks goes through `measured`. Spark brings what it counted back to the driver.
"""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from pyspark.accumulators import AccumulatorParam

from jobs.infra.spark import task_device

if TYPE_CHECKING:
    from pyspark import Accumulator
    from pyspark.sql import SparkSession

Task = Callable[[Iterator[Any]], Iterator[Any]]


class InTasks(NamedTuple):
    """What functions of Daybreak took in tasks, in seconds, added up over the tasks."""

    seconds: float = 0.0
    """Without waiting for their input."""
    cpu: float = 0.0
    """Of the Python workers that ran them, since they were started: with imports, and with what Spark does in them."""
    device: float = 0.0
    """Of `seconds`, with a GPU."""

    def plus(self, other: "InTasks") -> "InTasks":
        """The sum of both."""
        return InTasks(*(a + b for a, b in zip(self, other, strict=True)))


class InTasksParam(AccumulatorParam[InTasks]):
    """How Spark adds them up."""

    def zero(self, value: InTasks) -> InTasks:
        """Nothing yet."""
        return InTasks()

    def addInPlace(self, value1: InTasks, value2: InTasks) -> InTasks:  # noqa: N802
        """The sum of both."""
        return value1.plus(value2)


_counter: "list[Accumulator[InTasks] | None]" = [None]


def count_tasks(spark: "SparkSession | None") -> None:
    """Count for a new job from now on. None: functions that are shipped are not measured."""
    _counter[0] = spark.sparkContext.accumulator(InTasks(), InTasksParam()) if spark is not None else None


def in_tasks() -> InTasks:
    """What was counted for this job so far."""
    counter = _counter[0]
    return counter.value if counter is not None else InTasks()


def add_device(seconds: float) -> None:
    """Count time with GPUs that the driver's own processes took, added up over the GPUs."""
    if _counter[0] is not None:
        _counter[0].add(InTasks(device=seconds))


def measured(task: Task) -> Task:
    """The function as a task is to run it: measured, where a job is. task: of an iterator, as `mapInArrow` takes it."""
    counter = _counter[0]
    return task if counter is None else _Measured(task, counter)


@dataclass(frozen=True)
class _Measured:
    """A function that counts what it takes. It travels to the executors."""

    task: Task
    counter: "Accumulator[InTasks]"

    def __call__(self, rows: Iterator[Any]) -> Iterator[Any]:
        busy, waited = _Watch(), _Watch()
        made = iter(self.task(waited.over(rows)))
        try:
            yield from busy.over(made)
        finally:
            seconds = max(0.0, busy.seconds - waited.seconds)
            self.counter.add(InTasks(seconds, _worker_cpu(), seconds if _on_device() else 0.0))


class _Watch:
    """Adds up how long an iterator takes to bring what is asked of it."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def over(self, rows: Iterator[Any]) -> Iterator[Any]:
        """The same rows."""
        rows = iter(rows)
        while True:
            started = time.perf_counter()
            try:
                row = next(rows)
            except StopIteration:
                return
            finally:
                self.seconds += time.perf_counter() - started
            yield row


_told: dict[int, float] = {}
"""The processor time of this Python worker that was counted already, by its process."""


def _on_device() -> bool:
    """Whether this task computed on a GPU. torch is not imported for this: a task without it used none."""
    return "torch" in sys.modules and task_device() != "cpu"


def _worker_cpu() -> float:
    """Seconds of this process that were not counted yet; a worker runs one task after another."""
    now, pid = time.process_time(), os.getpid()
    before = _told.get(pid, 0.0)
    _told[pid] = now
    return now - before
