"""What a night reads of the log: what readers take too, under ids by the one rule."""

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from jobs.config.shop import ItemsConfig
from jobs.stages.ingest.spark import items, patch_tables
from jobs.stages.ingest.spark.quarantine import first_reason
from lookup.item_fields import STORED
from lookup.patches import patch
from lookup.patches.patch_log import open_log
from tests.releases import config_at

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NOW = int(time.time() * 1e6)


def test_the_night_takes_what_readers_take(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    log = open_log(tmp_path)
    log.append([patch.item("A1", {"price": 2, "title": "Mug"}, at=NOW - 9), patch.event("ann", "A1", "view", at=NOW)])
    with monkeypatch.context() as wrong:
        wrong.setattr(patch, "time", lambda: NOW / 1e6 + 86400)
        log.append([patch.item("A1", {"price": 99}), patch.forget("ann"), patch.event("ann", "A2", "view")])
    log.append([patch.event("ann", "A3", "view", at=NOW)])
    with closing(sqlite3.connect(log.where)) as db:  # as an earlier writer did
        path = json.dumps([f"c{n}" for n in range(25_000)])
        db.execute(f"INSERT INTO statements VALUES ('A1', 'category', {NOW}, 's', NULL, '{path}', 1)")
        db.execute(f"INSERT INTO events VALUES (99, ' bob', '12.0', 'view', {NOW}, 's', 'null')")
        db.execute(f"INSERT INTO forgotten VALUES ('carl ', {NOW}, 1)")
        db.commit()
    tables = {name: list(rows) for name, rows in patch_tables._tables(log, 99).items()}
    (item,) = tables["items"]
    assert (item["item_id"], item["price"], item["title"], item["category"]) == ("A1", 2.0, "Mug", None)
    assert {(row["user_id"], row["item_id"]) for row in tables["events"]} == {("ann", "A3"), ("bob", "12")}
    assert tables["forgotten"] == [{"user_id": "carl", "at": NOW}]
    assert "patches refused" in capsys.readouterr().out


def test_a_path_of_too_many_names_makes_a_bad_row(spark: "SparkSession", tmp_path: Path) -> None:
    paths = [">".join(f"c{n}" for n in range(names)) for names in (1, 32, 33, 25_000)]
    source = spark.createDataFrame([(path,) for path in paths], "kind string")
    config = replace(config_at(tmp_path), items=ItemsConfig(files="i.csv", item_id="id", category="kind"))
    (field,) = (one for one in STORED if one.kind == "path")
    rows = source.select(first_reason(*items._read_field(source, config, field).rules)).collect()
    assert [row[0] for row in rows] == [None, None, *["category has more than 32 names"] * 2]
