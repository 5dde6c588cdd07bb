"""Receipts belong to the release that they made, in manifest and SQL; older ones lack what they never had."""

import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import duckdb
import pytest

from jobs.config.config import Config
from jobs.config.release import CostsConfig
from jobs.infra.receipts.used import JobUse
from jobs.night import run_job
from jobs.releases.receipts import ReceiptHead, keep_receipts
from jobs.stages.build.job import run as build
from lookup.duckdb_file import opened
from lookup.release import manifest as manifests
from lookup.release import pointer
from lookup.release.manifest import Manifest
from lookup.release.reader import open_from
from tests.releases import config_at
from tests.run_tables import Sizes, write_run

SIZES = Sizes(items=30, users=12, events=100)
EARLIER: dict[str, Any] = {"job": "topk", "seconds": 2.5, "peak_mib": 300, "ended": "2026-11-22T03:10:00.000+00:00"}
TOOK: dict[str, Any] = {"start_seconds": 0.5, "cpu_seconds": 3.0, "rows_out": 12, "money": 0.01, "currency": "€"}


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = config_at(tmp_path, sizes=SIZES)
    write_run(made, 1, SIZES)
    made.run.write_json("receipts/topk.json", {**EARLIER, "used": TOOK})
    return replace(made, costs=CostsConfig(core_hour=1.0, currency="EUR"))


def facts(config: Config) -> Manifest:
    return manifests.read(config.releases / config.run.read_json("release.json", checked=False)["id"])


def test_the_manifest_gets_the_receipts_of_the_jobs_that_end_later(config: Config) -> None:
    run_job("build", None, config)
    found = facts(config)
    assert [one["job"] for one in found.receipt] == ["ingest", "topk"]
    assert [one["job"] for one in found.later_receipts or []] == ["build"]
    assert [one["job"] for one in found.all_receipts] == ["ingest", "topk", "build"]
    took = found.all_receipts[-1]["used"]
    assert took["rows_in"] > 100
    assert 0 < took["money"] < 1
    assert took["currency"] == "EUR"
    open_from(config.releases, found.id, verify=True)


def test_receipts_of_a_release_that_an_earlier_try_built_are_left_out(config: Config) -> None:
    run_job("build", None, config)
    first = facts(config).id
    config.run.write_json("receipts/validate.json", EARLIER | {"job": "validate", "release": first, "ended": "2027"})
    run_job("build", None, config)
    found = facts(config)
    assert found.id != first
    assert [one["job"] for one in found.all_receipts] == ["ingest", "topk", "build"]


def test_a_release_that_was_announced_is_not_touched(config: Config) -> None:
    build(None, config)
    pointer.announce(config.releases, facts(config).id)
    before = (config.releases / facts(config).id / manifests.FILE).read_bytes()
    keep_receipts(config)
    assert (config.releases / facts(config).id / manifests.FILE).read_bytes() == before


def test_sql_sees_what_each_job_took(config: Config) -> None:
    build(None, config)
    with opened(config.releases / facts(config).id / "catalog.duckdb") as catalog:
        found = catalog.sql("FROM receipts")
        rows, names = found.fetchall(), found.columns
    assert names == [one.name for one in (*fields(ReceiptHead), *fields(JobUse))]
    ingest, topk = (dict(zip(names, row, strict=True)) for row in rows)
    assert (ingest["job"], ingest["seconds"], ingest["cpu_seconds"]) == ("ingest", 1.5, None)  # of an earlier version
    assert str(topk["ended"]) == "2026-11-22 03:10:00"
    assert {name: topk[name] for name in TOOK} == TOOK


def test_a_release_of_an_earlier_version_is_read_without_them(config: Config) -> None:
    build(None, config)
    folder = config.releases / facts(config).id
    told = json.loads((folder / manifests.FILE).read_text())
    assert "later_receipts" not in told
    assert facts(config).all_receipts == facts(config).receipt
    with duckdb.connect(str(folder / "catalog.duckdb"), read_only=True) as catalog:
        assert catalog.sql("SELECT count(*) FROM manifest WHERE key = 'later_receipts'").fetchall() == [(0,)]
