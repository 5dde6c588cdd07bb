"""The nightly DAG, run for real by Airflow and spark-submit on a slice of the real data."""

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

import lookup
from jobs.demo.airflow import PRIVATE, environment, prepare
from jobs.demo.night import run
from jobs.night import JOBS
from tests.other_user import open_to_others
from tests.ports import beyond_loopback, listening
from tests.slices import write_slice

# Short-lived Javas: compiling less well takes half of the processor time.
QUICK_JAVA = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@pytest.fixture
def private() -> Iterator[None]:
    """The umask that the demo sets."""
    before = os.umask(PRIVATE)
    yield
    os.umask(before)


@pytest.mark.usefixtures("private")
def test_dags_test_publishes_a_release_and_keeps_its_metrics(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_slice(tmp_path / "shop", users=60, items=600)
    (tmp_path / "tmp").mkdir(0o755)
    env = environment(tmp_path / "airflow", config) | {
        "JDK_JAVA_OPTIONS": f"{QUICK_JAVA} -Djava.io.tmpdir={tmp_path / 'tmp'}",
        "TMPDIR": str(tmp_path / "tmp"),
    }
    prepare(env)
    log = tmp_path / "night.log"
    with listening(every=0.2) as heard:
        assert run(env, log), log.read_text()[-5000:]
    assert heard
    assert beyond_loopback(heard) == []
    assert open_to_others(config.parent / "work") == open_to_others(config.parent / "releases") == []
    assert open_to_others(tmp_path / "airflow") == []
    assert list((config.parent / "work" / "spark").iterdir()) == []  # nor is any id of a user left elsewhere
    assert [path for path in (tmp_path / "tmp").rglob("*") if path.is_file()] == []
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
