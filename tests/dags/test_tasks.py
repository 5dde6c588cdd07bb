"""What the tasks of the DAGs do: which failures are final, what they say, and which runs do not start."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from jobs import errors

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("tasks")
    done = subprocess.run(
        [sys.executable, "-m", "tests.dags.behave", str(folder)],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def test_hopeless_failures_end_at_once_and_others_are_tried_again(found: dict[str, Any]) -> None:
    kinds = {int(code): kind for code, (kind, _) in found["submitted"].items()}
    hopeless = {errors.ConfigError, errors.DataError, errors.ValidationError, errors.MissingStepError}
    final = {one.exit_code for one in hopeless}
    assert {code for code, kind in kinds.items() if kind == "AirflowFailException"} == final == {2, 3, 4, 5}
    assert kinds[0] == "done"
    again = {1, errors.RunLockedError.exit_code, errors.SparkError.exit_code}
    assert {kinds[code] for code in again} == {"AirflowException"}


def test_a_failure_is_the_sentence_of_the_job_and_nothing_else(found: dict[str, Any]) -> None:
    assert found["submitted"]["2"] == ["AirflowFailException", "daybreak: the reason (exit code 2)"]
    assert found["command"] == {
        "1": ["AirflowException", "daybreak: the reason (exit code 1)"],
        "4": ["AirflowFailException", "daybreak: the reason (exit code 4)"],
    }
    assert found["trace"] == ["AirflowException", "no room (exit code 1)"]
    assert found["mute"][0] == "AirflowFailException"
    assert found["last word"] == [["ERROR", "daybreak: why"]]


def test_the_driver_gets_what_the_configuration_says_and_no_secret_is_on_its_command_line(
    found: dict[str, Any],
) -> None:
    assert found["conf"] == {"spark.driver.memory": "5g", "spark.driver.extraJavaOptions": "-Dx=1"}


def test_java_has_its_temporary_files_where_python_has_them(found: dict[str, Any]) -> None:
    assert found["temporary"] == [{}, {"SPARK_SUBMIT_OPTS": r'''-Xss4m "-Djava.io.tmpdir=/srv/a \"b\""'''}, {}]


def test_a_training_hands_on_its_configuration_and_its_date(found: dict[str, Any], tmp_path: Path) -> None:
    assert found["trained"] == ["done", "null"]
    assert Path(found["handed_on"]["config"]).name == "shop.toml"
    assert found["handed_on"]["date"] == "2026-11-22"
    assert found["receipt"] == ["done", json.dumps({"date": "2026-11-22"})]


def test_runs_of_the_past_do_not_start(found: dict[str, Any]) -> None:
    assert {name: kind for name, (kind, _) in found["runs"].items()} == {
        "in time": "passed",
        "late": "AirflowSkipException",
        "late by hand": "passed",
        "backfill": "passed",
        "fixed backfill": "AirflowFailException",
        "own backfill": "passed",
    }
    assert "2018-01-02" in found["runs"]["fixed backfill"][1]
    assert "9 hours later" in found["runs"]["late"][1]
    assert found["checked"] == ["ingest"]


def test_a_date_that_is_none_is_refused_when_a_run_is_triggered(found: dict[str, Any]) -> None:
    assert [text for text, kind in found["dates"].items() if kind == "passed"] == ["None", "2017-01-31"]
    assert [text for text, kind in found["configs"].items() if kind == "passed"] == ["/srv/shop/a.toml"]
    assert found["handed"] == {"/srv/shop/b.toml": "passed", "/etc/c.toml": "AirflowFailException"}


def test_the_operators_notifiers_are_told_and_the_reason_stays_the_last_line(found: dict[str, Any]) -> None:
    assert found["alerts"] == ["SmtpNotifier", "function"]
    assert found["deadline"] == 6 * 3600
