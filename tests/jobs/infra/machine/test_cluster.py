"""A cluster that gives nothing, and a Spark that ends, are told."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jobs.config.config import Config
from jobs.errors import ConfigError, SparkError
from jobs.infra.machine import cluster
from jobs.infra.machine.cluster import START_SECONDS, Waiting, Watch, granted, start_spark

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


def test_waiting_counts_from_when_nothing_runs_and_starts_anew() -> None:
    waits = Waiting(600)
    assert [waits.seconds(True, 100.0), waits.seconds(True, 110.0), waits.seconds(False, 120.0)] == [0, 10, 0]
    assert waits.seconds(True, 130.0) == 0
    assert [waits.to_tell(waits.seconds(True, now)) for now in (140.0, 146.0, 150.0, 161.0)] == [
        *(False, True, False, True),
    ]


def test_a_job_without_tasks_is_told_and_then_stopped(
    spark: "SparkSession", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The real Spark runs a job; the tracker says that the cluster runs none of its tasks."""
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(cluster, "DEFAULT_SECONDS", 0.2)
    monkeypatch.setattr(Watch, "waiting", lambda self: bool(self.context.statusTracker().getActiveJobsIds()))
    told = rf"ran no task in 0 seconds \({START_SECONDS} in \[spark\]\).*local\[2\]"
    with pytest.raises(SparkError, match=told), granted(spark):
        spark.range(1, numPartitions=1).rdd.foreach(lambda _: __import__("time").sleep(3))
    assert " spark WAITING " in capsys.readouterr().out
    assert spark.range(3).count() == 3  # Spark goes on


def test_a_job_that_runs_does_not_wait(spark: "SparkSession", monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[bool] = []
    real = Watch.waiting
    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.02)
    monkeypatch.setattr(Watch, "waiting", lambda self: found.append(real(self)) or found[-1])
    with granted(spark):
        assert spark.range(2, numPartitions=2).rdd.map(lambda n: __import__("time").sleep(1.5) or n.id).sum() == 1
    assert found.count(False) > 3


def test_an_error_of_the_watch_is_logged_once_and_ends_nothing(
    spark: "SparkSession", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: Watch) -> bool:
        raise RecursionError("deep")

    monkeypatch.setattr(cluster, "LOOK_SECONDS", 0.01)
    monkeypatch.setattr(Watch, "waiting", broken)
    with granted(spark):
        spark.range(2).rdd.foreach(lambda _: __import__("time").sleep(0.1))
    assert capsys.readouterr().out.count("error=deep") == 1


def test_a_mistake_of_a_job_stays_what_it_is(spark: "SparkSession") -> None:
    with pytest.raises(ConfigError, match="mine"), granted(spark):
        raise ConfigError("mine")


def test_a_spark_that_ended_is_told(spark: "SparkSession", monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "_alive", lambda context: False)
    told = r"Spark ended while a job ran: Answer from Java side is empty\. Where"
    with pytest.raises(SparkError, match=told), granted(spark):
        raise RuntimeError("Answer from Java side is empty\n\tat py4j")


def test_a_spark_that_does_not_start_has_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    from pyspark.errors import PySparkRuntimeError

    def fails(*given: object) -> None:
        raise PySparkRuntimeError(errorClass="JAVA_GATEWAY_EXITED", messageParameters={})

    monkeypatch.setattr("jobs.infra.spark.open_session", fails)
    with pytest.raises(SparkError, match=r"Spark does not start: \[JAVA_GATEWAY_EXITED\].*`daybreak doctor`"):
        start_spark("local[1]", {}, Path())


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"driver_memory": "4g"}, "driver_memory are none"),
        ({START_SECONDS: "soon"}, "whole seconds as text, such as \"600\", not 'soon'"),
        ({START_SECONDS: "0"}, "whole seconds as text"),
    ],
)
def test_settings_that_are_none_are_refused(settings: dict[str, str], told: str) -> None:
    from jobs.config.toml import fill

    rest: dict[str, Any] = {
        "items": {"files": "i", "item_id": "i"},
        "events": [{"files": "e", "user_id": "u", "item_id": "i", "time": "t"}],
    }
    with pytest.raises(ConfigError, match=r"^a\.toml: spark") as error:
        fill(Config.__mro__[1], {**rest, "spark": settings}, "a.toml")
    assert told in str(error.value)
