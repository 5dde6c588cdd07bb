"""What Spark says only in warnings, or not at all: the cluster gives it nothing to run on, or Spark itself ended."""

import logging
import re
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.errors import SparkError
from jobs.infra.logging import log_line

if TYPE_CHECKING:
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

START_SECONDS = "spark.daybreak.startSeconds"
"""The setting in `[spark]` that says how long a job waits for executors."""
DEFAULT_SECONDS = 600
LOOK_SECONDS = 1.0
TELL_SECONDS = 15.0
"""How long nothing runs before the log says so, and how long until it says so again."""
ASKED = re.compile(
    r"spark\.(executor\.(memory|cores|instances|memoryOverhead|pyspark\.memory|resource\..+\.amount)|cores\.max"
    r"|task\.(cpus|resource\..+\.amount)|dynamicAllocation\..+)"
)
"""Settings that say what the cluster is asked for."""


def find_spark() -> None:
    """Raises ModuleNotFoundError where Spark is not installed: a night tells so before its first job."""
    import pyspark  # noqa: F401


def start_spark(master: str | None, settings: dict[str, str], folder: Path, java_calls: bool = False) -> "SparkSession":
    """The Spark session of this process, as `open_session` gives it. Raises SparkError where Spark does not start."""
    from jobs.infra.spark import open_session

    with starting():
        return open_session(master, settings, folder, java_calls)


@contextmanager
def starting() -> Iterator[None]:
    """Raises SparkError for what is raised in the block where Spark, or its Java, does not start."""
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    # Its tracebacks say less than the error does that goes on, and Ctrl-C gets one, too.
    logging.getLogger("py4j").setLevel(logging.CRITICAL)
    try:
        yield
    except (Py4JError, PySparkException) as error:
        raise SparkError(
            f"Spark does not start: {_cause(error)}. `daybreak doctor` lists what this machine lacks; [spark] of the "
            "configuration and the Spark master must fit the cluster"
        ) from error


@contextmanager
def granted(spark: "SparkSession") -> Iterator[None]:
    """Stop Spark's work in the block when the cluster runs none of it for the time that `[spark]` declares.

    Raises SparkError in place of what Spark raises then, and where Spark itself ended in the block.
    """
    context = spark.sparkContext
    watch = Watch(context, float(context.getConf().get(START_SECONDS, str(DEFAULT_SECONDS))))
    watch.start()
    try:
        yield
    except Exception as error:
        if watch.starved:
            raise SparkError(watch.message()) from error
        if not _alive(context):
            raise SparkError(
                f"Spark ended while a job ran: {_first_line(error)}. Where the system killed it for its memory, change "
                '"spark.driver.memory" in [spark]; else the log above says more'
            ) from error
        raise
    finally:
        watch.stop()


class Watch(threading.Thread):
    """Looks whether tasks run, and cancels the jobs that wait too long for the first one or the next."""

    def __init__(self, context: "SparkContext", seconds: float) -> None:
        super().__init__(daemon=True, name="daybreak-spark-watch")
        self.context, self.seconds = context, seconds
        self.starved = False
        self._ended = threading.Event()

    def run(self) -> None:
        """Look until stopped. An error is logged once: where Spark itself ended, the job says so."""
        waits, told = Waiting(self.seconds), False
        while not self._ended.wait(LOOK_SECONDS):
            try:
                self.look(waits)
            except Exception as error:
                if not told and not self._ended.is_set():
                    log_line("spark", "not watched", error=_first_line(error))
                told = True

    def look(self, waits: "Waiting") -> None:
        """Look once: say that the jobs wait, or cancel them."""
        waited = waits.seconds(self.waiting(), time.monotonic())
        if waited >= self.seconds:
            self.starved = True
            self.context.cancelAllJobs()
        elif waits.to_tell(waited):
            log_line("spark", "WAITING", seconds=round(waited), stop_at=round(self.seconds), **self.asked())

    def waiting(self) -> bool:
        """Whether Spark has jobs, and the cluster runs no task of them."""
        tracker = self.context.statusTracker()
        if not tracker.getActiveJobsIds():
            return False
        stages = map(tracker.getStageInfo, tracker.getActiveStageIds())
        return not any(stage is not None and stage.numActiveTasks for stage in stages)

    def asked(self) -> dict[str, str]:
        """What the cluster is asked for."""
        settings: Mapping[str, str] = dict(self.context.getConf().getAll())
        return {"master": str(self.context.master)} | {
            key.removeprefix("spark."): value for key, value in sorted(settings.items()) if ASKED.fullmatch(key)
        }

    def message(self) -> str:
        """Why the job was stopped, and what to do."""
        asked = ", ".join(f"{key} {value}" for key, value in self.asked().items())
        return (
            f"the cluster ran no task in {self.seconds:.0f} seconds ({START_SECONDS} in [spark]), asked for: {asked}. "
            "Ask for less in [spark], free the cluster, or wait longer"
        )

    def stop(self) -> None:
        """End the watch."""
        self._ended.set()


class Waiting:
    """For how long Spark has been waiting without a break."""

    def __init__(self, limit: float) -> None:
        self.limit = limit
        self._since: float | None = None
        self._told = 0.0

    def seconds(self, waiting: bool, now: float) -> float:
        """Seconds up to now, 0 where it does not wait. now: of a monotonic clock."""
        if not waiting:
            self._since, self._told = None, 0.0
            return 0.0
        self._since = now if self._since is None else self._since
        return now - self._since

    def to_tell(self, waited: float) -> bool:
        """Whether it is time to say so, for the first time or again."""
        if waited - self._told < min(TELL_SECONDS, self.limit / 2):
            return False
        self._told = waited
        return True


def _alive(context: "SparkContext") -> bool:
    try:
        return not context._jsc.sc().isStopped()
    except Exception:  # the JVM is gone
        return False


def _cause(error: Exception) -> str:
    """What Java says, where the error is one of Java."""
    java = getattr(error, "java_exception", None)
    return _first_line(Exception(java.toString()) if java is not None else error)


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:300].rstrip(".")
