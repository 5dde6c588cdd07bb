"""The DAGs as Airflow sees them: integrity, settings, and what each task starts."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

from jobs.infra.spark import LATE_COMPILER
from jobs.night import JOBS, WITHOUT_SPARK
from tests.dags.describe import DAGS, golden

GOLDEN = Path(__file__).with_name("golden")
REGENERATE = "python -m tests.dags.describe tests/dags/golden"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.dags.describe"], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    return json.loads(done.stdout.splitlines()[-1])  # Airflow logs above it


def test_both_import_without_errors(facts: dict[str, Any]) -> None:
    assert facts["errors"] == {}
    assert sorted(facts["dags"]) == ["daybreak_precompute", "daybreak_train"]


IN_SPARK = ["ingest", "train", "lists"]
"""The tasks that are a session of Spark."""


def jobs_of(task: dict[str, Any], run: str = "scheduled") -> list[str]:
    """The jobs that a task runs; empty where it is another command."""
    words = task["commands"][run]
    first = next((n for n, word in enumerate(words) if word.endswith("submit.py") or word == "job"), len(words))
    return list(takewhile(lambda word: not word.startswith("--"), words[first + 1 :]))


def test_the_night_runs_every_job_in_order_and_then_keeps_its_receipt(facts: dict[str, Any]) -> None:
    tasks = facts["dags"]["daybreak_precompute"]["tasks"]
    assert [name for task in tasks.values() for name in jobs_of(task)] == list(JOBS)
    assert list(tasks) == [*IN_SPARK, *(job for job in JOBS if job in WITHOUT_SPARK), "receipt"]
    assert [task["after"] for task in tasks.values()] == [[], *([task] for task in tasks)][: len(tasks)]


def test_training_updates_the_asset_that_starts_the_night(facts: dict[str, Any]) -> None:
    tasks = facts["dags"]["daybreak_train"]["tasks"]
    assert {name: (task["after"], task["outlets"]) for name, task in tasks.items()} == {
        "ingest": ([], []),
        "train": (["ingest"], ["daybreak_model"]),
    }
    schedule = facts["dags"]["daybreak_precompute"]["schedule"]["__var"]
    assert schedule["asset_condition"]["name"] == "daybreak_model"


def test_schedules(facts: dict[str, Any]) -> None:
    night = facts["dags"]["daybreak_precompute"]["schedule"]["__var"]["timetable"]["__var"]
    week = facts["dags"]["daybreak_train"]["schedule"]["__var"]
    assert (night["expression"], night["timezone"]) == ("15 3 * * *", "UTC")
    assert (week["expression"], week["timezone"]) == ("15 0 * * 0", "UTC")


@pytest.mark.parametrize("dag_id", ["daybreak_precompute", "daybreak_train"])
def test_a_dag_that_is_unpaused_waits_for_its_next_time(facts: dict[str, Any], dag_id: str) -> None:
    assert facts["dags"][dag_id]["start_date"] is None
    assert facts["dags"][dag_id]["first_run_after"] > datetime.now(UTC).isoformat()


@pytest.mark.parametrize("dag_id", ["daybreak_precompute", "daybreak_train"])
def test_safety(facts: dict[str, Any], dag_id: str) -> None:
    dag = facts["dags"][dag_id]
    assert not dag["catchup"]
    assert dag["max_active_runs"] == 1
    for task in dag["tasks"].values():
        assert task["pool"] == "daybreak"
        assert task["retries"] == 2
        assert task["retry_delay"] == 300
        assert task["timeout"] == 3 * 3600 * max(1, len(jobs_of(task)))


def test_parameters(facts: dict[str, Any]) -> None:
    asked = {"config": "/srv/shop/daybreak.toml", "date": None}
    assert facts["dags"]["daybreak_train"]["params"] == asked
    assert facts["dags"]["daybreak_precompute"]["params"] == {
        **asked, "full": False, "older": False, "override": "", "reason": "",
    }  # fmt: skip


@pytest.mark.parametrize("dag_id", ["daybreak_precompute", "daybreak_train"])
def test_docs_name_every_task_and_parameter(facts: dict[str, Any], dag_id: str) -> None:
    dag = facts["dags"][dag_id]
    for name in [*dag["tasks"], *dag["params"], *(job for task in dag["tasks"].values() for job in jobs_of(task))]:
        assert f"`{name}`" in dag["doc_md"]


def test_rendered_commands_are_the_golden_ones(facts: dict[str, Any]) -> None:
    expected = {path.name: path.read_text() for path in GOLDEN.glob("*.txt")}
    assert golden(facts) == expected, f"where the change is meant: rm {GOLDEN}/*; {REGENERATE}"
    submitted = [text for text in expected.values() if "spark-submit" in text]
    assert submitted
    for text in submitted:  # what a session without Airflow gets, too
        assert f"--conf\nspark.driver.extraJavaOptions={LATE_COMPILER}\n" in text


@pytest.mark.parametrize(
    ("run", "config", "date", "flag"),
    [
        ("scheduled", "/srv/shop/daybreak.toml", "2026-11-22", "false"),
        ("asset", "/srv/shop/trained.toml", "2026-11-20", "false"),
        ("other_asset", "/srv/shop/daybreak.toml", "2026-11-23", "false"),
        ("given", "/srv/shop/other shop.toml", "2018-01-02", "true"),
        ("relative", "/opt/daybreak/shop/daybreak.toml", "2026-11-22", "false"),
    ],
)
def test_every_job_of_a_run_gets_its_parameters(
    facts: dict[str, Any], run: str, config: str, date: str, flag: str
) -> None:
    tasks = facts["dags"]["daybreak_precompute"]["tasks"]
    asked = ["--config", config, "--date", date]
    more = {"publish": ["--older", flag], "validate": ["--override=", "--reason="]}
    if run == "given":
        more["validate"] = ["--override=Ada Lovelace", "--reason=we know"]
    for job in WITHOUT_SPARK:
        words = ["/opt/venv/bin/daybreak", "job", job, *asked, *more.get(job, [])]
        assert tasks[job]["commands"][run] == words
    for name in IN_SPARK:
        assert tasks[name]["commands"][run][-7:] == ["--resume", *asked, "--full", flag]
    assert tasks["receipt"]["commands"][run] == ["/opt/venv/bin/daybreak", "receipt", *asked, "--json"]


def test_an_override_goes_to_validate_alone(facts: dict[str, Any]) -> None:
    for job, task in facts["dags"]["daybreak_precompute"]["tasks"].items():
        told = [word for word in task["commands"]["given"] if word.startswith(("--override", "--reason"))]
        assert told == (["--override=Ada Lovelace", "--reason=we know"] if job == "validate" else [])


DECLARED = """
import json, os, sys
sys.path.insert(0, sys.argv[1])
from daybreak_common import PARAMS, declared
from airflow.sdk import Param
found = {}
for default, places, asked in json.loads(sys.argv[2]):
    param = Param("", type="string", pattern=declared(default, places))
    for config in asked:
        try:
            found[config] = param.resolve(config) == config
        except Exception as error:
            found[config] = type(error).__name__
print(json.dumps([found, PARAMS["config"].schema["pattern"]]))
"""


def test_a_run_names_only_a_configuration_that_is_declared(tmp_path: Path) -> None:
    """A pattern of the parameter says so, and Airflow refuses the run when it is triggered."""
    allowed = {
        ("/srv/shop/daybreak.toml", None): ["/srv/shop/daybreak.toml", "/srv/shop/test.toml", "/srv/shop/a/b c.toml"],
        ("daybreak.toml", None): ["daybreak.toml"],
        ("/etc/x.conf", "/srv/one.toml:/srv/all/"): ["/etc/x.conf", "/srv/one.toml", "/srv/all/two.toml"],
    }
    refused = {
        ("/srv/shop/daybreak.toml", None): [
            "/srv/shop/../evil.toml",
            "/srv/shop/a/../../evil.toml",
            "/srv/shop/.hidden/evil.toml",
            "/srv/shop/.toml",
            "/srv/shop2/evil.toml",
            "/srv/shopXdaybreak.toml",
            "/srv/shop/evil.conf",
            "/tmp/evil.toml",
            "evil.toml",
            "https://evil.example/srv/shop/daybreak.toml",
            "/srv/shop/a\nb.toml",
            "",
        ],
        ("daybreak.toml", None): ["./daybreak.toml", "/tmp/daybreak.toml", "daybreakxtoml"],
        ("/etc/x.conf", "/srv/one.toml:/srv/all/"): ["/etc/y.toml", "/srv/one.toml/x.toml", "/srv/all.toml"],
    }
    asked = [[*key, configs] for part in (allowed, refused) for key, configs in part.items()]
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path), "DAYBREAK_CONFIG": "/srv/a+b/daybreak.toml"}
    done = subprocess.run(
        [sys.executable, "-c", DECLARED, str(DAGS), json.dumps(asked)],
        cwd=tmp_path,
        env=env,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    found, pattern = json.loads(done.stdout.splitlines()[-1])
    assert found == {
        **{config: True for configs in allowed.values() for config in configs},
        **{config: "ParamValidationError" for configs in refused.values() for config in configs},
    }
    assert re.search(pattern, "/srv/a+b/night.toml")
    assert not re.search(pattern, "/srv/aab/night.toml")


@pytest.mark.parametrize("name", ["precompute", "train"])
def test_a_dag_file_imports_airflow_and_the_standard_library_alone(name: str, tmp_path: Path) -> None:
    script = f"""
import sys
import airflow.sdk
sys.path.insert(0, {str(DAGS)!r})
import {name}
heavy = {{"pyspark", "torch", "transformers", "polars", "pandas", "numpy", "duckdb", "jobs", "lookup"}}
print(sorted(heavy & set(sys.modules)), "airflow.providers.apache.spark" in sys.modules)
"""
    env = {**os.environ, "AIRFLOW_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=env, check=True, stdout=subprocess.PIPE, text=True
    )
    assert done.stdout.splitlines()[-1] == "[] True"
