"""Rows are counted after every write."""

from datetime import date

import pyarrow.parquet as pq
import pytest

from jobs.errors import ConfigError, DataError
from jobs.infra.cluster import written
from jobs.infra.cluster.written import check_rows, probe, rows_in, write_counted
from jobs.infra.runs import Run
from jobs.infra.tables import POPULARITY


def test_all_rows_are_found_in_one_table_and_in_one_that_is_sorted(spark, tmp_path):
    frame = spark.range(1000).selectExpr("id", "id % 7 AS day")
    assert write_counted(frame, tmp_path / "whole ü") == 1000
    assert write_counted(frame, tmp_path / "sorted", "day") == 1000
    days = [pq.read_table(file)["day"].to_pylist() for file in sorted((tmp_path / "sorted").glob("*.parquet"))]
    assert len(days) == 2
    in_order = [day for part in days for day in part]
    assert in_order == sorted(in_order)
    assert write_counted(frame.filter("id < 0"), tmp_path / "none") == 0
    assert write_counted(spark.createDataFrame([], "id int"), tmp_path / "empty") == 0


def test_rows_that_the_driver_does_not_find_stop_the_night(spark, tmp_path, monkeypatch):
    """An executor on another machine writes to its own disk: its part is not where the driver looks."""
    run = Run(tmp_path, date(2026, 1, 2))
    frame = spark.range(10).selectExpr("int(id) AS item", "float(1) AS score").repartition(2)
    run.write(POPULARITY, frame)
    monkeypatch.setattr(written, "rows_in", lambda path: rows_in(path) - 4)
    with pytest.raises(
        DataError, match=r"executors wrote 10 rows, and the driver finds 6 of them. The folder shop.work"
    ):
        run.write(POPULARITY, frame)
    assert rows_in(run.path("popularity")) == 10  # the table before stays


def test_rows_of_a_table_are_counted_in_its_files(tmp_path):
    with pytest.raises(DataError, match=r"executors wrote 3 rows, and the driver finds 0"):
        check_rows(tmp_path / "not there", 3, rows_in(tmp_path / "not there"))


def test_a_probe_tells_that_executors_write_elsewhere(spark, tmp_path, monkeypatch):
    class Cluster:
        """The session of a cluster whose executors write to disks of their own."""

        sparkContext = type("Context", (), {"master": "spark://host:7077", "defaultParallelism": 2})  # noqa: N815
        range, conf = spark.range, spark.conf

    probe(Cluster(), tmp_path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(written, "spark_path", lambda path: f"file:{tmp_path / 'elsewhere' / path.name}")
    with pytest.raises(
        ConfigError, match=r"of 4 files that executors wrote there, the driver finds 0. The folder shop"
    ):
        probe(Cluster(), tmp_path)
