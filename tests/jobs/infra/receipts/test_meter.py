"""The meter of a job tells what the driver, Spark and functions in tasks took, and never ends the job."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import fields
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

import jobs
from jobs.infra.receipts import meter as meters
from jobs.infra.receipts import spark_stages, start
from jobs.infra.receipts.meter import Meter
from jobs.infra.receipts.tasks import in_tasks, measured
from jobs.infra.receipts.used import MONEY, JobUse
from jobs.infra.runs import Run
from jobs.infra.tables import POPULARITY

ROWS, SLEEP = 40, 0.4


def slow(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """A function of Daybreak in a task."""
    for batch in batches:
        time.sleep(SLEEP)
        yield batch


def test_the_times_of_driver_spark_and_tasks_are_told_apart(spark: SparkSession, tmp_path: Path) -> None:
    run = Run(tmp_path, date(2026, 1, 2))
    with Meter("topk", spark) as meter:
        frame = spark.range(0, ROWS, 1, 2).selectExpr("cast(id AS int) AS item", "float(id + 1) AS score")
        run.write(POPULARITY, frame.mapInArrow(measured(slow), POPULARITY.ddl))
        assert run.read(spark, POPULARITY).count() == ROWS
        time.sleep(1.0)
        seconds, used = meter.seconds(), meter.stop()
    assert 2 * SLEEP <= used.task_seconds < 2 * SLEEP + 2
    assert 0 < used.spark_seconds <= seconds - 1.0 - SLEEP + 0.5
    assert (used.rows_in, used.rows_out) == (0, ROWS)  # what it wrote itself is none of its input
    assert used.cpu_seconds > 0
    assert used.device_seconds == 0


def test_a_table_that_a_job_opens_counts_once(spark: SparkSession, tmp_path: Path) -> None:
    run = Run(tmp_path, date(2026, 1, 2))
    run.write(POPULARITY, spark.range(ROWS).selectExpr("cast(id AS int) AS item", "float(1) AS score"))
    with Meter("build", None) as meter:
        for _ in range(3):
            run.existing(POPULARITY.name)
        used = meter.stop()
    assert (used.rows_in, used.rows_out) == (ROWS, 0)
    assert used.spark_seconds == used.task_seconds == used.bytes_shuffled == 0


def test_stages_are_counted_for_one_job(spark: SparkSession, tmp_path: Path) -> None:
    spark.range(100).repartition(2).write.parquet(str(tmp_path / "before"))
    with Meter("one", spark) as meter:
        spark.range(100).repartition(2).write.parquet(str(tmp_path / "one"))
        assert meter.stop().bytes_shuffled > 0
    with Meter("two", spark) as meter:
        assert meter.stop().bytes_shuffled == 0


def test_a_function_is_shipped_as_it_is_where_no_job_is_measured() -> None:
    assert measured(slow) is slow
    with Meter("build", None):
        assert measured(slow) is slow
    assert in_tasks() == (0, 0, 0)


def test_every_function_that_is_shipped_to_tasks_is_measured() -> None:
    shipped = re.compile(r"\.(?:mapIn\w+|applyIn\w+|mapPartitions)\((?!measured\()")
    files = list((Path(jobs.__file__).parent).rglob("*.py"))
    assert sum("(measured(" in file.read_text(encoding="utf-8") for file in files) > 5
    assert [file.name for file in files if shipped.search(file.read_text(encoding="utf-8"))] == []


def test_executors_elsewhere_are_added(spark: SparkSession, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """As on a cluster, whose executors are no processes of the driver."""
    with Meter("topk", spark, cores=1.5) as meter:
        spark.range(0, ROWS, 1, 2).mapInArrow(measured(slow), "id bigint").collect()
        alone = meter.stop()
    monkeypatch.setattr(meters, "executors_elsewhere", lambda spark: (4.0, 3 << 30))
    with Meter("topk", spark, cores=1.5) as meter:
        spark.range(0, ROWS, 1, 2).mapInArrow(measured(slow), "id bigint").collect()
        beside = meter.stop()
    assert alone.cores == 1.5
    assert beside.cores == 5.5
    assert beside.memory_mib >= 3 << 10
    assert beside.memory_mib - alone.memory_mib < 4 << 10


def test_executors_of_a_cluster_hold_what_they_asked_for() -> None:
    executors = [SimpleNamespace(totalCores=lambda n=n: n) for n in (0, 4, 4)]
    listed = SimpleNamespace(size=lambda: 3, apply=executors.__getitem__)
    java = SimpleNamespace(
        sc=lambda: SimpleNamespace(statusStore=lambda: SimpleNamespace(executorList=lambda _: listed))
    )
    settings = [("spark.executor.memory", "10g")]
    context = SimpleNamespace(
        master="spark://host:7077", _jsc=java, getConf=lambda: SimpleNamespace(getAll=lambda: settings)
    )
    cores, memory = spark_stages.executors_elsewhere(SimpleNamespace(sparkContext=context))  # type: ignore[arg-type]
    assert (cores, memory) == (8.0, 2 * 11 * 2**30)
    context.master = "local-cluster[2,1,1024]"
    assert spark_stages.executors_elsewhere(SimpleNamespace(sparkContext=context)) == (0.0, 0)  # type: ignore[arg-type]


def test_a_meter_that_fails_is_told_and_ends_no_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> Any:
        raise OSError("no such file")

    monkeypatch.setattr(meters, "Tree", fails)
    with Meter("build", None) as meter:
        time.sleep(0.3)
        used = meter.stop()
    assert used.cpu_seconds == used.peak_mib == 0
    assert used.bytes_read is None
    assert 'build not measured part=processes error="OSError: no such file"' in capsys.readouterr().out


def test_a_job_that_fails_leaves_no_thread() -> None:
    with pytest.raises(KeyError), Meter("build", None):
        raise KeyError
    for thread in threading.enumerate():
        if thread.name == "daybreak-meter":
            thread.join(10)
            assert not thread.is_alive()


def test_the_start_of_the_program_is_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start, "age", lambda: 60.0)
    found = []
    start.begin_night()
    for _ in range(2):
        with Meter("build", None) as meter:
            found.append(meter.stop().start_seconds)
    assert 55 < found[0] <= 60
    assert found[1] == 0


def test_receipts_without_prices_have_no_money() -> None:
    zeros: dict[str, Any] = {one.name: 0 for one in fields(JobUse) if one.name not in MONEY}
    assert set(JobUse(**zeros).to_json()) == set(zeros)
    assert JobUse(**zeros, money=0.0, currency="€").to_json() == zeros | {"money": 0.0, "currency": "€"}
