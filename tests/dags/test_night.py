"""The nightly DAG, run for real by Airflow and spark-submit on a slice of the real data."""

import json
import sqlite3
from pathlib import Path

import pytest

import lookup
from jobs.demo.airflow import environment, prepare
from jobs.demo.night import run
from jobs.night import JOBS
from tests.slices import write_slice

# Ten short-lived Javas: compiling less well takes half of the processor time.
QUICK_JAVA = {"JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"}


def test_dags_test_publishes_a_release_and_keeps_its_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_slice(tmp_path / "shop")
    env = environment(tmp_path / "airflow", config) | QUICK_JAVA
    prepare(env)
    log = tmp_path / "night.log"
    assert run(env, log), log.read_text()[-5000:]
    told = [line.split()[2:4] for line in capsys.readouterr().out.splitlines()]
    assert [job for job, event in told if event == "done"] == list(JOBS)

    with sqlite3.connect(tmp_path / "airflow" / "airflow.db") as database:
        query = "SELECT value FROM xcom WHERE task_id = 'receipt' AND key = 'return_value'"
        (value,) = database.execute(query).fetchone()
    receipt = json.loads(value)
    assert [job["job"] for job in receipt["receipts"]] == list(JOBS)
    assert receipt["metrics"]

    shop = lookup.open(config.parent / "releases", verify=True)
    assert shop.release.id == receipt["release"]
    hits = shop.recommend("1", k=10)
    assert len(hits) == 10
    assert {hit.source for hit in hits} == {"list"}
