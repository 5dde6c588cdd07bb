"""The meter of a job: it runs beside the job, and says at the end what the job took."""

import os
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import CodeType, FrameType
from typing import TYPE_CHECKING, Any, Self

import py4j
import pyspark

from jobs.infra.cluster.written import rows_in
from jobs.infra.logging import log_line
from jobs.infra.machine.cores import usable_cores
from jobs.infra.receipts.processes import Taken, Tree
from jobs.infra.receipts.spark_stages import SparkStages, StageSums, executors_elsewhere, slots
from jobs.infra.receipts.start import seconds_before
from jobs.infra.receipts.tasks import count_tasks, in_tasks
from jobs.infra.receipts.touched import begin
from jobs.infra.receipts.used import JobUse

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

LOOK_SECONDS = 0.1
"""How often the meter looks what the driver does."""
TREE_SECONDS = 1.0
"""How often it looks at the processes, at most …"""
TREE_SHARE = 0.003
"""… and so that this takes no larger share of a core."""
END_SECONDS = 10.0
"""How long the end of a job waits for the meter."""
SPARKS = tuple(f"{Path(module.__file__ or '').parent}{os.sep}" for module in (pyspark, py4j))
"""The folders of Spark's side of Python."""


class Meter:
    """Measures a job that runs in this thread. A failure of the meter is logged and never ends the job."""

    def __init__(self, job: str, spark: "SparkSession | None", cores: float | None = None):
        """job: its name, for the log. spark: None for a job without. cores: held by the driver; None: it is asked."""
        self._job, self._spark, self._cores = job, spark, cores
        self._problems: dict[str, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="daybreak-meter")
        self._driver = _Driver(threading.get_ident())
        self._tree: Tree | None = None
        self._stages: SparkStages | None = None
        self._touched = begin()
        self._taken = Taken()

    def __enter__(self) -> Self:
        """Begin to measure."""
        with self._guarded("processes"):
            self._tree = Tree()
        with self._guarded("tasks"):
            count_tasks(self._spark)
        if self._spark is not None:
            with self._guarded("stages"):
                self._stages = SparkStages(self._spark)
        self._started = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        """End measuring, however the job ended."""
        self._ended.set()
        count_tasks(None)

    def seconds(self) -> float:
        """How long the job has been running. The clock of the machine may be set meanwhile."""
        return time.monotonic() - self._started

    def stop(self) -> JobUse:
        """What the job took: the end of measuring."""
        self._ended.set()
        self._thread.join(END_SECONDS)
        with self._guarded("processes"):
            if self._tree is not None:
                self._taken = self._tree.look()
        ours, stages = in_tasks(), StageSums()
        with self._guarded("stages"):
            stages = self._stages.sums() if self._stages is not None else stages
        cores, memory, at_once = 0.0, 0, 1
        if self._spark is not None:
            with self._guarded("executors"):
                cores, memory = executors_elsewhere(self._spark)
                at_once = slots(self._spark)
        elsewhere = cores > 0
        rows_read, rows_written = self._rows()
        tree, taken = self._tree, self._taken
        tells = tree is not None and tree.tells_bytes
        for what, error in self._problems.items():
            log_line(self._job, "not measured", part=what, error=error)
        return JobUse(
            start_seconds=round(seconds_before(self.seconds()), 2),
            cpu_seconds=round(taken.cpu + (stages.cpu + ours.cpu if elsewhere else 0.0), 2),
            device_seconds=round(ours.device, 2),
            spark_seconds=round(max(0.0, self._driver.waits - ours.seconds / at_once), 2),
            task_seconds=round(ours.seconds, 2),
            peak_mib=(tree.peak if tree is not None else 0) >> 20,
            memory_mib=((tree.together if tree is not None else 0) + memory) >> 20,
            cores=round((usable_cores() if self._cores is None else self._cores) + cores, 2),
            rows_in=rows_read,
            rows_out=rows_written,
            bytes_read=taken.read + (stages.bytes_in if elsewhere else 0) if tells else None,
            bytes_written=taken.written + (stages.bytes_out if elsewhere else 0) if tells else None,
            bytes_shuffled=stages.shuffled,
        )

    def _rows(self) -> tuple[int, int]:
        """Rows in and out."""
        opened, written = self._touched.opened - self._touched.written, self._touched.written
        found = [0, 0]
        for n, paths in enumerate((opened, written)):
            for path in paths:
                with self._guarded(path.name):
                    found[n] += rows_in(path)
        return found[0] + self._touched.rows_read, found[1]

    def _watch(self) -> None:
        """Look until the job has ended."""
        looked, pause = time.monotonic(), TREE_SECONDS
        while not self._ended.wait(LOOK_SECONDS):
            with self._guarded("driver"):
                self._driver.look()
            if time.monotonic() - looked >= pause and self._tree is not None:
                looked, started = time.monotonic(), time.thread_time()
                with self._guarded("processes"):
                    self._taken = self._tree.look()
                pause = max(TREE_SECONDS, (time.thread_time() - started) / TREE_SHARE)
        with self._guarded("driver"):
            self._driver.look()

    def _guarded(self, what: str) -> "_Guard":
        return _Guard(what, self._problems)


class _Guard(suppress):
    """Keeps the first error of each kind, and lets the job go on."""

    def __init__(self, what: str, problems: dict[str, str]):
        super().__init__(Exception)
        self._what, self._problems = what, problems

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        """Whether the error goes no further."""
        if isinstance(error, Exception):
            self._problems.setdefault(self._what, f"{type(error).__name__}: {str(error)[:200]}")
        return bool(super().__exit__(kind, error, trace))


class _Driver:
    """How long the driver's thread waits for Spark, as far as its stack tells."""

    def __init__(self, thread: int):
        self._thread = thread
        self._sparks: dict[CodeType, bool] = {}
        self._looked = time.monotonic()
        self.waits = 0.0
        """Seconds in which a call of Spark was under way."""

    def look(self) -> None:
        """What the thread does now, it has done since the last look. Where the look came late, it was kept from it."""
        now = time.monotonic()
        frame: FrameType | None = sys._current_frames().get(self._thread)
        while frame is not None:
            code = frame.f_code
            if code not in self._sparks:
                self._sparks[code] = code.co_filename.startswith(SPARKS)
            if self._sparks[code]:
                self.waits += now - self._looked
                break
            frame = frame.f_back
        self._looked = now
