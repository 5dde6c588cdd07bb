"""What both Airflow DAGs share: parameters, safety settings, alerts, and the tasks that run jobs.

Read from the environment of the Airflow processes, all optional:

    DAYBREAK_HOME     the checkout (or wherever `jobs/submit.py` lies); default: the folder above this one
    DAYBREAK_CONFIG   the configuration of a run that names none; default: daybreak.toml in DAYBREAK_HOME
    DAYBREAK_CONFIGS  the files and folders, separated by colons, of which a run may name one; default: the folder of
                      DAYBREAK_CONFIG where that is an absolute path
    DAYBREAK_DATE     the date of a run that names none; default: the day of the run
    DAYBREAK_ALERTS   a Python module of yours that says whom to tell of a failure; see README.md
    PYSPARK_PYTHON    the python of the Spark driver and executors; default: the one that runs Airflow
"""

import importlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from airflow.sdk import Asset, Param
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from daybreak_tasks import DRIVER, Command, SparkJob, last_word

HOME = Path(os.environ.get("DAYBREAK_HOME", Path(__file__).resolve().parent.parent)).absolute()
LATEST = timedelta(hours=6)
"""A scheduled run that starts later than this after its time is skipped, as after unpausing: its night is over."""
JOB_HOURS = timedelta(hours=3)
"""How long a job may take."""
NEVER_LATE = timedelta()
"""How late a DAG's first run may start after it was unpaused: it waits for its next time."""

MODEL = Asset("daybreak_model")
"""The trained model: `daybreak_train` updates it, which starts `daybreak_precompute`."""

DEFAULT_CONFIG = os.environ.get("DAYBREAK_CONFIG", "daybreak.toml")


def declared(default: str, places: str | None) -> str:
    """A pattern of the configurations that a run may name, because a configuration is code.

    default: DAYBREAK_CONFIG. places: DAYBREAK_CONFIGS, or None. A folder stands for the .toml files in it and below,
    hidden ones excepted; no name may lead out of it.
    """
    if places is None:
        places = str(Path(default).parent) if Path(default).is_absolute() else ""
    found = [re.escape(default)]
    for place in filter(None, places.split(":")):
        below = "" if place.endswith(".toml") else r"(/[^/.\x00-\x1f][^/\x00-\x1f]*)+\.toml"
        found.append(re.escape(place.rstrip("/")) + below)
    return f"^({'|'.join(found)})$"


PATTERN = declared(DEFAULT_CONFIG, os.environ.get("DAYBREAK_CONFIGS"))
PARAMS = {
    "config": Param(
        DEFAULT_CONFIG,
        type="string",
        pattern=PATTERN,
        description=f"The configuration: a TOML file that DAYBREAK_CONFIGS declares, absolute or relative to {HOME}.",
    ),
    "date": Param(
        os.environ.get("DAYBREAK_DATE") or None,
        type=["null", "string"],
        format="date",
        description="YYYY-MM-DD: the run knows the events before that day. Empty: the day of the run.",
    ),
}

CONFIG = "{{ config_of(params, triggering_asset_events) }}"
DATE = "{{ date_of(params, dag_run, triggering_asset_events) }}"


def config_of(params: Mapping[str, Any], events: Mapping[Any, Any] | None) -> str:
    """The absolute path of a run's configuration: that of the training which started it, or its parameter.

    Whoever may write events of assets could hand on any path. So what is handed on must be declared, too.
    """
    handed = _handed_on(events).get("config")
    if handed is None:
        return str(HOME / params["config"])
    if not any(re.match(PATTERN, name) for name in (handed, handed.removeprefix(f"{HOME}/"))):
        raise AirflowFailException(f"{handed}: DAYBREAK_CONFIGS does not declare this configuration")
    return str(HOME / handed)


def date_of(params: Mapping[str, Any], dag_run: Any, events: Mapping[Any, Any] | None) -> str:
    """The date of a run: that of the training which started it, its parameter, or its day."""
    day = (dag_run.logical_date or dag_run.run_after).date().isoformat()  # an asset's run has no logical date
    return str(_handed_on(events).get("date") or params["date"] or day)


def _handed_on(events: Mapping[Any, Any] | None) -> dict[str, str]:
    """What the training that started this run was given: `config` and `date`; empty where no asset started the run."""
    found = [event for several in (events or {}).values() for event in several]
    return max(found, key=lambda event: event.timestamp).extra or {} if found else {}


def check_run(context: Any) -> None:
    """Skip a run whose time is long over; refuse a backfill whose nights would all be of one date."""
    run, fixed = context["dag_run"], context["params"]["date"]
    started = run.start_date or run.run_after
    if run.run_type == "scheduled" and started - run.run_after > LATEST:
        late = (started - run.run_after).total_seconds() / 3600
        raise AirflowSkipException(
            f"this run was to start at {run.run_after:%Y-%m-%d %H:%M} and starts {late:.0f} hours later, when its "
            "night is over: trigger a run, or wait for the next"
        )
    if run.run_type == "backfill" and fixed and fixed != run.logical_date.date().isoformat():
        raise AirflowFailException(
            f"a backfill for {run.logical_date:%Y-%m-%d}, but `date` is fixed to {fixed} (DAYBREAK_DATE): every run "
            "would make the same night; unset DAYBREAK_DATE for a backfill"
        )


def _alerts() -> Any:
    """The module that DAYBREAK_ALERTS names. Where it is missing, Airflow shows the error of this import."""
    name = os.environ.get("DAYBREAK_ALERTS")
    return importlib.import_module(name) if name else None


ALERTS = _alerts()
TOLD = [*getattr(ALERTS, "ON_FAILURE", ()), last_word]

# The keyword arguments of both DAGs. Jobs are safe to run again, so a task is tried again where that may help. The pool
# `daybreak` has one slot, so that the jobs of both DAGs never compete for the machine's memory nor write to one run
# together. There is no start_date: with one, Airflow would start the night before at once when a DAG is unpaused.
SAFETY = {
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["daybreak"],
    "deadline": getattr(ALERTS, "DEADLINE", None),
    "user_defined_macros": {"config_of": config_of, "date_of": date_of},
    "default_args": {
        "owner": "daybreak",
        "pool": "daybreak",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": JOB_HOURS,
        "on_failure_callback": TOLD,
        "on_retry_callback": last_word,
    },
}


def spark_jobs(name: str, jobs: Sequence[str], full: str, **kwargs: object) -> SparkJob:
    """The task that runs jobs of the night in one session of Spark; `full` is true, false or a template of it.

    Another try goes on with the first job that did not end. A task that ended well and is cleared runs all of its jobs.
    Where they run is said by the connection `daybreak_spark` alone.
    """
    return SparkJob(
        task_id=name,
        name=f"daybreak-{name}",
        execution_timeout=len(jobs) * JOB_HOURS,
        conn_id="daybreak_spark",
        conf=DRIVER,
        application=str(HOME / "jobs" / "submit.py"),
        application_args=[*jobs, "--resume", "--config", CONFIG, "--date", DATE, "--full", full],
        env_vars={"PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON", sys.executable)},
        pre_execute=check_run if "ingest" in jobs else None,
        **kwargs,
    )


def job(name: str, *words: str) -> Command:
    """The task that runs one job of the night that needs no Spark, and so no JVM. words: options of the job."""
    return Command(task_id=name, words=["job", name, "--config", CONFIG, "--date", DATE, *words])


def receipt() -> Command:
    """The task whose XCom is what the night did."""
    return Command(task_id="receipt", words=["receipt", "--config", CONFIG, "--date", DATE, "--json"])
