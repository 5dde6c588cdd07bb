"""The build reads tables that Spark wrote, through `Run.write`, as it reads those of the other tests."""

from datetime import datetime
from pathlib import Path

import duckdb
import numpy as np
from pyspark.sql import SparkSession

from jobs.infra.runs import MARK
from jobs.infra.tables import (
    EVENTS,
    ITEM_TOPK,
    ITEMS,
    POPULAR,
    POPULARITY,
    USER_AGAIN,
    USER_BECAUSE,
    USER_TOPK,
    USER_VECTORS,
)
from jobs.stages.build import job as build
from lookup import Release
from tests.releases import config_at
from tests.run_tables import Sizes, write_run


def test_tables_written_by_spark(spark: SparkSession, tmp_path: Path) -> None:
    sizes = Sizes(items=20, users=10, events=50)
    config = config_at(tmp_path, sizes=sizes)
    write_run(config, 1, sizes)
    before = Release(config.releases / build.run(None, config)["release"])
    arrays = {name: array.copy() for name, array in before.arrays.items()}
    for table in (ITEMS, EVENTS, USER_VECTORS, USER_TOPK, USER_BECAUSE, USER_AGAIN, ITEM_TOPK, POPULAR, POPULARITY):
        mark = config.run.path(table.name) / MARK
        text = mark.read_text()
        config.run.write(table, config.run.read(spark, table).repartition(2))
        mark.write_text(text)  # the rows are the same, so what was made from them still is

    built = build.run(spark, config)
    after = Release(config.releases / built["release"])
    for name, array in arrays.items():
        np.testing.assert_array_equal(after.arrays[name], array, name)
    assert built["events"] == 50
    with duckdb.connect(str(after.path / "catalog.duckdb"), read_only=True) as db:
        assert db.sql("SELECT DISTINCT last_event FROM users").fetchall() == [(datetime(2026, 11, 21, 19),)]
        assert db.sql("SELECT count(DISTINCT day), sum(events) FROM events_per_day").fetchall() == [(5, 50)]
