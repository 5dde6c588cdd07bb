"""What both Airflow DAGs share: parameters, safety settings, and the task that submits one job to Spark.

Read from the environment of the Airflow processes, all optional:

    DAYBREAK_HOME     the checkout (or wherever `jobs/submit.py` lies); default: the folder above this one
    DAYBREAK_CONFIG   the configuration of a run that names none; an absolute path is best; default: daybreak.toml
    DAYBREAK_CONFIGS  the files and folders, separated by colons, of which a run may name one; default: the folder of
                      DAYBREAK_CONFIG where that is an absolute path
    DAYBREAK_DATE     the date of a run that names none; default: the day of the run
    PYSPARK_PYTHON    the python of the Spark driver and executors; default: the one that runs Airflow
"""

import os
import re
import sys
from datetime import timedelta
from pathlib import Path

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator
from airflow.sdk import Asset, Param

HOME = Path(os.environ.get("DAYBREAK_HOME", Path(__file__).resolve().parent.parent))

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


PARAMS = {
    "config": Param(
        DEFAULT_CONFIG,
        type="string",
        pattern=declared(DEFAULT_CONFIG, os.environ.get("DAYBREAK_CONFIGS")),
        description="The configuration: one of the TOML files that DAYBREAK_CONFIGS declares.",
    ),
    "date": Param(
        os.environ.get("DAYBREAK_DATE", ""),
        type="string",
        pattern=r"^(\d{4}-\d{2}-\d{2})?$",
        description="YYYY-MM-DD: the run knows the events before that day. Empty: the day of the run.",
    ),
}

CONFIG = "{{ params.config }}"
# A run that an asset started has no logical date.
DATE = "{{ params.date or (dag_run.logical_date or dag_run.run_after).strftime('%Y-%m-%d') }}"

# The keyword arguments of both DAGs. Jobs are safe to run again, so a task is simply tried again. The pool `daybreak`
# has one slot, so that the jobs of both DAGs never compete for the machine's memory nor write to one run together.
SAFETY = {
    "catchup": False,
    "max_active_runs": 1,
    "tags": ["daybreak"],
    "default_args": {
        "owner": "daybreak",
        "pool": "daybreak",
        "retries": 2,
        "retry_delay": timedelta(minutes=5),
        "execution_timeout": timedelta(hours=3),
    },
}


def spark_job(name: str, full: str, options: tuple[str, ...] = (), **kwargs: object) -> SparkSubmitOperator:
    """The task that runs one job of the night; `full` is true, false or a template of it, `options` are more options.

    Where the job runs is said by the connection `daybreak_spark` alone.
    """
    return SparkSubmitOperator(
        task_id=name,
        name=f"daybreak-{name}",
        conn_id="daybreak_spark",
        application=str(HOME / "jobs" / "submit.py"),
        application_args=[name, "--config", CONFIG, "--date", DATE, "--full", full, *options],
        driver_memory="2g",
        env_vars={"PYSPARK_PYTHON": os.environ.get("PYSPARK_PYTHON", sys.executable)},
        **kwargs,
    )
