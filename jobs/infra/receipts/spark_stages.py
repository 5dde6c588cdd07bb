"""What Spark itself counted of the stages that it ran for a job."""

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from jobs.infra.machine.preflight import memory
from jobs.infra.spark import DEFAULTS, is_local

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

WAIT_MS = 5000
"""How long to wait until Spark has counted what it ran; without the last numbers the receipt is a little low."""
OVERHEAD, LEAST_OVERHEAD = 0.1, 384 * 2**20
"""Of an executor's memory Spark asks for so much more, and at least for so many bytes."""


class StageSums(NamedTuple):
    """Sums over stages."""

    cpu: float = 0.0
    """Seconds of the tasks' Java threads."""
    bytes_in: int = 0
    """From files."""
    bytes_out: int = 0
    shuffled: int = 0


_counted: dict[str, set[tuple[int, int]]] = {}
"""The stages of each session that were counted already: for another job, or before the first one."""


class SparkStages:
    """The stages of a session that no job has counted yet. A session runs one job at a time."""

    def __init__(self, spark: "SparkSession"):
        self._context = spark.sparkContext
        if self._session not in _counted:
            _counted[self._session] = {_name(stage) for stage in self._stages()}

    def sums(self) -> StageSums:
        """What the new stages took. Raises what Py4J raises, or AttributeError, where Spark has ended."""
        counted = _counted[self._session]
        new = [stage for stage in self._stages() if _name(stage) not in counted]
        counted.update(map(_name, new))
        return StageSums(
            sum(stage["executorCpuTime"] + stage["executorDeserializeCpuTime"] for stage in new) / 1e9,
            sum(stage["inputBytes"] for stage in new),
            sum(stage["outputBytes"] for stage in new),
            sum(stage["shuffleWriteBytes"] for stage in new),
        )

    @property
    def _session(self) -> str:
        return str(self._context.applicationId)

    def _stages(self) -> list[dict[str, Any]]:
        """Every stage that the session still knows, by the names of Spark's REST API; one call to the JVM."""
        jvm, gateway, context = self._context._jvm, self._context._gateway, self._context._jsc.sc()
        with suppress(Exception):  # it is late
            context.listenerBus().waitUntilEmpty(WAIT_MS)
        mapper = jvm.com.fasterxml.jackson.databind.ObjectMapper()
        mapper.registerModule(jvm.com.fasterxml.jackson.module.scala.DefaultScalaModule())
        stages = context.statusStore().stageList(None, False, False, gateway.new_array(jvm.double, 0), None)
        found: list[dict[str, Any]] = json.loads(mapper.writeValueAsString(stages))
        return found


def slots(spark: "SparkSession") -> int:
    """How many tasks may run at once."""
    context = spark.sparkContext
    each = int(context.getConf().get("spark.task.cpus", "1") or 1)
    return max(1, int(context.defaultParallelism) // each)


def executors_elsewhere(spark: "SparkSession") -> tuple[float, int]:
    """The cores and the bytes of memory of executors that are no processes of the driver; zeros with a local master."""
    context = spark.sparkContext
    if is_local(context.master) or context.master.startswith("local-cluster"):
        return 0.0, 0
    settings = dict(DEFAULTS) | dict(context.getConf().getAll())
    asked = memory(settings["spark.executor.memory"])
    asked += memory(settings.get("spark.executor.pyspark.memory", "0"))
    asked += memory(settings.get("spark.executor.memoryOverhead", "0")) or max(int(asked * OVERHEAD), LEAST_OVERHEAD)
    with suppress(Exception):
        found = context._jsc.sc().statusStore().executorList(True)
        cores = [found.apply(n).totalCores() for n in range(found.size())]
        there = [number for number in cores if number]  # the driver has none
        return float(sum(there)), asked * len(there)
    return 0.0, 0


def _name(stage: dict[str, Any]) -> tuple[int, int]:
    return stage["stageId"], stage["attemptId"]
